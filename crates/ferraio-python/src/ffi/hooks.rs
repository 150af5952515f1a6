//! Has somebody overridden or patched a method that our short ways do not call?
//!
//! asyncio's primitives call their own methods through `self`, and programs override them: `async with lock` calls
//! `self.acquire()`. Our classes do without the call, as long as the class of the object still has the methods that it
//! had at first. The interpreter gives each state of each class a version, so that the answer is found once per class.

use std::cell::{Cell, UnsafeCell};

use super::class;
use super::exception::Result;
use super::name::Name;
use super::object::Obj;

/// How many classes are remembered.
const REMEMBERED: usize = 8;

/// The methods of one of our classes that matter.
pub struct Hooks<const N: usize> {
    names: [Name; N],
    originals: UnsafeCell<[Option<Obj>; N]>,
    /// The version of a class, and whether its methods are the original ones.
    seen: [Cell<(u32, bool)>; REMEMBERED],
}

// SAFETY: only touched while attached, and the module declares that it needs the GIL.
unsafe impl<const N: usize> Sync for Hooks<N> {}

impl<const N: usize> Hooks<N> {
    /// The methods with these names.
    pub const fn new(names: [Name; N]) -> Self {
        Hooks {
            names,
            originals: UnsafeCell::new([const { None }; N]),
            seen: [const { Cell::new((0, false)) }; REMEMBERED],
        }
    }

    /// Remembers the originals: those of our class, and for the rest those of asyncio's. Called once, when ours is made.
    pub fn remember(&self, ours: &Obj, asyncios: &Obj) -> Result<()> {
        for (index, name) in self.names.iter().enumerate() {
            let original = match ours.attr_opt(name)? {
                Some(original) => original,
                None => asyncios.attr(name)?,
            };
            // SAFETY: nobody looks at the originals before the class is made.
            unsafe { (*self.originals.get())[index] = Some(original) };
        }
        Ok(())
    }

    /// Are the methods of the object's class the original ones?
    #[inline(always)]
    pub fn are_original(&self, object: &Obj) -> Result<bool> {
        let class = object.type_ptr().cast();
        // SAFETY: the type of a live object is a live object.
        self.are_original_in(unsafe { Obj::peek(&class) })
    }

    /// Are the methods of this class the original ones?
    #[inline(always)]
    pub fn are_original_in(&self, class: &Obj) -> Result<bool> {
        let version = class::version(class);
        let (seen, answer) = self.seen[version as usize % REMEMBERED].get();
        if seen == version && version != 0 { Ok(answer) } else { self.look(class) }
    }

    #[cold]
    fn look(&self, class: &Obj) -> Result<bool> {
        let mut answer = true;
        for (index, name) in self.names.iter().enumerate() {
            let found = class.attr(name)?;
            // SAFETY: written once, before anybody could get here.
            answer &= unsafe { &(*self.originals.get())[index] }.as_ref().is_some_and(|original| found.is(original));
        }
        let version = class::version(class);
        self.seen[version as usize % REMEMBERED].set((version, answer));
        Ok(answer)
    }

    /// Is it the name of one of the methods? For `__setattr__`: an instance may have its own.
    pub fn have(&self, name: &Obj) -> bool {
        self.names.iter().any(|hook| hook.obj().is(name))
    }
}
