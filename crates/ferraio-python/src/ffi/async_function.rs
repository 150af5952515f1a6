//! Async functions and methods in Rust, which look like the `async def` that they stand for.
//!
//! Programs ask `inspect.iscoroutinefunction(queue.put)` to know whether to await what comes back, and
//! `unittest.mock.patch("asyncio.sleep")` asks to know what kind of mock is needed. The answer lies in `__code__` of
//! anything that looks like a function; so ours shows the attributes of asyncio's. Calls go straight to the C function.

use std::mem::offset_of;

use pyo3_ffi as c;

use super::class::{self, Class, ClassCell, ClassParts, Own};
use super::exception::{Raised, Result};
use super::name::Name;
use super::object::Obj;
use crate::{attribute, slot};

unsafe extern "C" {
    fn PyMethod_New(function: *mut c::PyObject, object: *mut c::PyObject) -> *mut c::PyObject;
}

/// A function or method.
#[repr(C)]
pub struct AsyncFunction {
    /// How the interpreter calls it.
    vectorcall: c::vectorcallfunc,
    /// What is called: a built-in function, or the descriptor of a method.
    inner: Obj,
    /// The `async def` that it stands for.
    original: Obj,
}

static DOC: Name = Name::new("__doc__");
static CELL: ClassCell = ClassCell::new();

impl Class for AsyncFunction {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.AsyncFunction";
    const DOC: &'static std::ffi::CStr = c"An async function or method in Rust.";
    const GC: bool = false;
    const VECTORCALL: Option<usize> = Some(offset_of!(AsyncFunction, vectorcall));

    fn cell() -> &'static ClassCell {
        &CELL
    }
}

/// Calls what is inside, with the same arguments.
unsafe extern "C" fn vectorcall(
    this: *mut c::PyObject,
    args: *const *mut c::PyObject,
    count: usize,
    keywords: *mut c::PyObject,
) -> *mut c::PyObject {
    // SAFETY: the interpreter calls this with an instance of the class, and passes on what it was given.
    unsafe {
        let function = super::trampoline::this::<AsyncFunction>(&this);
        c::PyObject_Vectorcall(function.inner.as_ptr(), args, count, keywords)
    }
}

/// Binds it to an instance, as a function of Python does.
unsafe extern "C" fn bind(
    this: *mut c::PyObject,
    object: *mut c::PyObject,
    _class: *mut c::PyObject,
) -> *mut c::PyObject {
    // SAFETY: two live objects, or NULL where a class is asked for the method.
    unsafe {
        if object.is_null() || object == c::Py_None() {
            c::Py_INCREF(this);
            return this;
        }
        PyMethod_New(this, object)
    }
}

/// The documentation of what is called, and the other attributes of the original.
unsafe extern "C" fn attribute(this: *mut c::PyObject, name: *mut c::PyObject) -> *mut c::PyObject {
    // SAFETY: the interpreter calls this with an instance of the class and a name.
    unsafe {
        let function = super::trampoline::this::<AsyncFunction>(&this);
        if name == DOC.obj().as_ptr() {
            return c::PyObject_GetAttr(function.inner.as_ptr(), name);
        }
        let own = c::PyObject_GenericGetAttr(this, name);
        if !own.is_null() || c::PyErr_ExceptionMatches(c::PyExc_AttributeError) == 0 {
            return own;
        }
        c::PyErr_Clear();
        c::PyObject_GetAttr(function.original.as_ptr(), name)
    }
}

fn module(this: &Own<AsyncFunction>) -> Result<Obj> {
    static MODULE: Name = Name::new("__module__");
    this.original.attr(&MODULE)
}

fn repr(this: &Own<AsyncFunction>) -> Result<Obj> {
    static QUALIFIED_NAME: Name = Name::new("__qualname__");
    let name = this.original.attr(&QUALIFIED_NAME)?.as_text()?;
    Obj::str(&format!("<function {name} at {:p}>", this.obj().as_ptr()))
}

/// An async function that calls `inner` and looks like `original`.
pub fn wrap(inner: Obj, original: Obj) -> Result<Obj> {
    Ok(Own::new(|| AsyncFunction { vectorcall, inner, original })?.into_obj())
}

/// Makes the methods with these names of a new class look like those of asyncio's class.
pub fn dress_methods(class: &Obj, asyncios: &Obj, names: &[&Name]) -> Result<()> {
    for name in names {
        let method = wrap(class.attr(name)?, asyncios.attr(name)?)?;
        // SAFETY: a class that nobody has used yet has its own dict, whose changes are announced.
        unsafe {
            let class = class.as_ptr().cast::<c::PyTypeObject>();
            Raised::check(c::PyDict_SetItem((*class).tp_dict, name.obj().as_ptr(), method.as_ptr()))?;
            c::PyType_Modified(class);
        }
    }
    Ok(())
}

/// Makes the class.
pub fn make_class(to: &Obj) -> Result<Obj> {
    let parts = ClassParts {
        attributes: vec![attribute!(AsyncFunction, "__module__", module)],
        slots: vec![
            class::slot(c::Py_tp_call, c::PyVectorcall_Call as *mut std::ffi::c_void),
            class::slot(c::Py_tp_descr_get, bind as *mut std::ffi::c_void),
            class::slot(c::Py_tp_getattro, attribute as *mut std::ffi::c_void),
            slot!(AsyncFunction, repr, repr),
        ],
        ..Default::default()
    };
    class::make::<AsyncFunction>(to, parts)
}
