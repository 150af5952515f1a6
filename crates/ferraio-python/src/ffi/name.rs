//! Interned attribute names, and names that are imported when first needed.
//!
//! Both are statics that are filled once, under the GIL, and never emptied.

use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3_ffi as c;

use super::exception::Result;
use super::object::Obj;

/// An interned string.
pub struct Name {
    text: &'static str,
    interned: AtomicPtr<c::PyObject>,
}

impl Name {
    /// The name `text`.
    pub const fn new(text: &'static str) -> Self {
        Name { text, interned: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// The text.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The Python string.
    #[inline(always)]
    pub fn obj(&self) -> &Obj {
        if self.interned.load(Relaxed).is_null() {
            self.intern();
        }
        // SAFETY: not NULL any more and never changed again; the atomic has the layout of the pointer in it.
        unsafe { &*std::ptr::from_ref(&self.interned).cast::<Obj>() }
    }

    #[cold]
    fn intern(&self) {
        // SAFETY: pointer and length are those of the text; interning replaces the reference by the interned one.
        unsafe {
            let mut string = c::PyUnicode_FromStringAndSize(self.text.as_ptr().cast(), self.text.len() as isize);
            assert!(!string.is_null(), "no memory for the name {}", self.text);
            c::PyUnicode_InternInPlace(&mut string);
            self.interned.store(string, Relaxed);
        }
    }
}

/// `type.__name__`.
pub static __NAME__: Name = Name::new("__name__");

/// An attribute of a module, imported when first needed.
pub struct Import {
    module: &'static str,
    name: Name,
    value: AtomicPtr<c::PyObject>,
}

impl Import {
    /// `from module import name`.
    pub const fn new(module: &'static str, name: &'static str) -> Self {
        Import { module, name: Name::new(name), value: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// The value that the attribute had when it was first needed.
    #[inline(always)]
    pub fn get(&self) -> Result<&Obj> {
        if self.value.load(Relaxed).is_null() {
            let value = self.now()?;
            self.value.store(value.into_ptr(), Relaxed);
        }
        // SAFETY: not NULL any more and never changed again; the atomic has the layout of the pointer in it.
        Ok(unsafe { &*std::ptr::from_ref(&self.value).cast::<Obj>() })
    }

    /// The value that the attribute has now.
    pub fn now(&self) -> Result<Obj> {
        Obj::import(self.module)?.attr(&self.name)
    }
}
