//! A field of our objects that holds a Python reference, or nothing.

use std::cell::UnsafeCell;

use super::class::Visit;
use super::object::Obj;

/// `Cell<Option<T>>` whose value can be cloned and looked at in place.
///
/// It is sound because nothing here runs Python code while the inside is borrowed: `get` only counts a reference up,
/// and a replaced value is dropped (which may run anything) after the new one is in place.
pub struct Slot<T = Obj>(UnsafeCell<Option<T>>);

impl<T> Slot<T> {
    /// Holds nothing.
    pub const fn empty() -> Self {
        Slot(UnsafeCell::new(None))
    }

    /// Holds `value`.
    pub const fn new(value: T) -> Self {
        Slot(UnsafeCell::new(Some(value)))
    }

    /// Puts `value` in, and drops what was there afterwards.
    #[inline(always)]
    pub fn set(&self, value: T) {
        drop(self.replace(Some(value)));
    }

    /// Empties the slot, and drops what was there afterwards.
    #[inline(always)]
    pub fn clear(&self) {
        drop(self.replace(None));
    }

    /// Takes what is there.
    #[inline(always)]
    pub fn take(&self) -> Option<T> {
        self.replace(None)
    }

    /// Puts `value` in and returns what was there.
    #[inline(always)]
    pub fn replace(&self, value: Option<T>) -> Option<T> {
        // SAFETY: single-threaded, and no borrow of the inside lives across a call.
        unsafe { std::mem::replace(&mut *self.0.get(), value) }
    }

    /// Is something there?
    #[inline(always)]
    pub fn is_some(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0.get()).is_some() }
    }
}

impl<T: Clone> Slot<T> {
    /// A reference of one's own to what is there.
    #[inline(always)]
    pub fn get(&self) -> Option<T> {
        // SAFETY: as above; cloning a reference runs no Python code.
        unsafe { (*self.0.get()).clone() }
    }
}

impl Slot<Obj> {
    /// What is there, or `None` as Python has it.
    pub fn get_or_none(&self) -> Obj {
        self.get().unwrap_or_else(Obj::none)
    }

    /// Asks the processor to have what is there at hand soon; see [`Obj::prefetch`].
    #[inline(always)]
    pub fn prefetch(&self, lines: usize) {
        // SAFETY: as above; reads one address.
        if let Some(object) = unsafe { (*self.0.get()).as_ref() } {
            object.prefetch(lines);
        }
    }

    /// Is it this object?
    #[inline(always)]
    pub fn holds(&self, object: &Obj) -> bool {
        // SAFETY: as above; compares addresses.
        unsafe { (*self.0.get()).as_ref().is_some_and(|held| held.is(object)) }
    }

    /// Do both hold the same object?
    #[inline(always)]
    pub fn holds_the_same(&self, other: &Slot<Obj>) -> bool {
        // SAFETY: as above; compares addresses.
        unsafe { (*other.0.get()).as_ref().is_some_and(|object| self.holds(object)) }
    }

    /// Shows what is there to the garbage collector.
    pub fn visit(&self, visit: &mut Visit) {
        // SAFETY: as above; the collector's visitor changes nothing.
        if let Some(object) = unsafe { &*self.0.get() } {
            visit.object(object);
        }
    }
}

impl<T: super::class::Class> Slot<super::class::Own<T>> {
    /// Shows what is there to the garbage collector.
    pub fn visit(&self, visit: &mut Visit) {
        // SAFETY: as above; the collector's visitor changes nothing.
        if let Some(object) = unsafe { &*self.0.get() } {
            visit.object(object.obj());
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot::empty()
    }
}
