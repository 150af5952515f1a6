//! `collections.deque`, for those who keep their waiters and items in one.
//!
//! The methods are found once, in the table of the class, and called past the attribute look-up.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3_ffi as c;

use super::exception::Result;
use super::name::{Import, Name};
use super::object::Obj;

static DEQUE: Import = Import::new("collections", "deque");

static APPEND: Method = Method::new("append", c::METH_O);
static POP_LEFT: Method = Method::new("popleft", c::METH_NOARGS);
static REMOVE: Method = Method::new("remove", c::METH_O);

/// Exactly a `deque`.
#[repr(transparent)]
pub struct Deque(Obj);

impl Deque {
    /// `collections.deque()`.
    pub fn create() -> Result<Obj> {
        DEQUE.get()?.call0()
    }

    /// The object as a deque, if it is exactly one.
    #[inline(always)]
    pub fn from_exact(object: &Obj) -> Result<Option<&Deque>> {
        let exact = object.type_ptr().cast() == DEQUE.get()?.as_ptr();
        // SAFETY: the layouts of `Obj` and `Deque` are the same.
        Ok(exact.then(|| unsafe { &*ptr::from_ref(object).cast::<Deque>() }))
    }

    /// The object.
    pub fn obj(&self) -> &Obj {
        &self.0
    }

    /// `len(self)`.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: a deque begins as every object of variable size does, and counts its items there.
        unsafe { c::Py_SIZE(self.0.as_ptr()) as usize }
    }

    /// Is nothing in it?
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `self[0]`, if there is something.
    #[inline(always)]
    pub fn first(&self) -> Result<Option<Obj>> {
        if self.is_empty() {
            return Ok(None);
        }
        // SAFETY: a live sequence; gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PySequence_GetItem(self.0.as_ptr(), 0)).map(Some) }
    }

    /// `self.append(item)`.
    #[inline(always)]
    pub fn append(&self, item: &Obj) -> Result<()> {
        APPEND.call(&self.0, Some(item)).map(drop)
    }

    /// `self.popleft()`, if there is something.
    #[inline(always)]
    pub fn pop_left(&self) -> Result<Option<Obj>> {
        if self.is_empty() { Ok(None) } else { POP_LEFT.call(&self.0, None).map(Some) }
    }

    /// `self.remove(item)`; fails if it is not there.
    #[inline]
    pub fn remove(&self, item: &Obj) -> Result<()> {
        if self.first()?.is_some_and(|first| first.is(item)) {
            return POP_LEFT.call(&self.0, None).map(drop);
        }
        REMOVE.call(&self.0, Some(item)).map(drop)
    }
}

/// A method of the class, in C.
struct Method {
    name: Name,
    flags: i32,
    function: AtomicPtr<std::ffi::c_void>,
}

impl Method {
    const fn new(name: &'static str, flags: i32) -> Self {
        Method { name: Name::new(name), flags, function: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline(always)]
    fn call(&self, deque: &Obj, item: Option<&Obj>) -> Result<Obj> {
        let function = self.function.load(Relaxed);
        if function.is_null() {
            return self.call_by_name(deque, item);
        }
        // SAFETY: `find` has seen that the function has this type; `deque` is exactly of the class that it belongs to.
        unsafe {
            let function: c::PyCFunction = std::mem::transmute(function);
            Obj::new_ref(function(deque.as_ptr(), item.map_or(ptr::null_mut(), Obj::as_ptr)))
        }
    }

    #[cold]
    fn call_by_name(&self, deque: &Obj, item: Option<&Obj>) -> Result<Obj> {
        self.find()?;
        match item {
            Some(item) => deque.call_method(&self.name, [item]),
            None => deque.call_method(&self.name, []),
        }
    }

    /// Notes the function, if it takes its arguments in the way we want to pass them.
    fn find(&self) -> Result<()> {
        let method = DEQUE.get()?.attr(&self.name)?;
        // SAFETY: what is a method descriptor has the table's entry of the method, which lives as long as the class.
        unsafe {
            if method.type_ptr() == &raw mut c::PyMethodDescr_Type {
                let entry = (*method.as_ptr().cast::<c::PyMethodDescrObject>()).d_method;
                if (*entry).ml_flags == self.flags {
                    self.function.store((*entry).ml_meth.as_ptr(), Relaxed);
                }
            }
        }
        Ok(())
    }
}
