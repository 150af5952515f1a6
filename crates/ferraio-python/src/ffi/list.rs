//! `list`, as a stack or a heap of items.

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::object::Obj;

/// Exactly a `list`.
#[repr(transparent)]
pub struct List(Obj);

impl List {
    /// The object as a list, if it is exactly one.
    #[inline(always)]
    pub fn from_exact(object: &Obj) -> Option<&List> {
        // SAFETY: a live object; the layouts of `Obj` and `List` are the same.
        unsafe { (c::PyList_CheckExact(object.as_ptr()) != 0).then(|| &*std::ptr::from_ref(object).cast::<List>()) }
    }

    /// The object.
    pub fn obj(&self) -> &Obj {
        &self.0
    }

    /// `len(self)`.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: a list.
        unsafe { c::PyList_GET_SIZE(self.0.as_ptr()) as usize }
    }

    /// `self.append(item)`.
    #[inline(always)]
    pub fn append(&self, item: &Obj) -> Result<()> {
        // SAFETY: a list and a live object.
        Raised::check(unsafe { c::PyList_Append(self.0.as_ptr(), item.as_ptr()) })
    }

    /// `self.pop()`, if there is something.
    #[inline(always)]
    pub fn pop(&self) -> Result<Option<Obj>> {
        let Some(last) = self.len().checked_sub(1) else { return Ok(None) };
        // SAFETY: there is an item at this place: it is made our own before it is deleted.
        unsafe {
            let item = Obj::borrowed(c::PyList_GET_ITEM(self.0.as_ptr(), last as isize));
            Raised::check(c::PySequence_DelItem(self.0.as_ptr(), last as isize))?;
            Ok(Some(item))
        }
    }
}
