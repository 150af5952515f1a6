//! The `StopIteration` with which a C iterator says that an `await` has ended with a value.
//!
//! The interpreter takes the value out and drops the exception at once, for each `await` that ends with anything but
//! `None`. So we raise instances of a subclass, whose memory goes to a free list.

use std::ptr;

use pyo3_ffi as c;

use super::class::{self, Class, ClassCell, Own};
use super::exception::{Raised, Result};
use super::object::Obj;

/// The subclass; all its data is that of `StopIteration`.
pub struct StopIteration;

static CELL: ClassCell = ClassCell::new();

impl Class for StopIteration {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.StopIteration";
    const DOC: &'static std::ffi::CStr = c"The end of an await.";
    const OVER_BASE: bool = true;
    const KEEP: usize = 16;

    fn cell() -> &'static ClassCell {
        &CELL
    }
}

/// Sets a `StopIteration` that carries `value`, to be seen by the interpreter alone.
#[inline]
pub fn set(value: Obj) {
    // SAFETY: a new or recycled instance, whose fields are NULL; `value` and `args` take over one reference each.
    // `args` must not be NULL in an exception that somebody may print.
    unsafe {
        let Ok(exception) = Own::new(|| StopIteration) else { return };
        let fields = exception.obj().as_ptr().cast::<c::PyStopIterationObject>();
        let Ok(empty) = Obj::new_ref(c::PyTuple_New(0)) else { return };
        (&raw mut (*fields).args).write(empty.into_ptr());
        (&raw mut (*fields).value).write(value.into_ptr());
        let _ = Raised::exception(exception.into_obj());
    }
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    // SAFETY: a class that lives as long as the interpreter.
    let base = unsafe { Obj::borrowed(c::PyExc_StopIteration) };
    let offset = class::offset_behind(&base);
    let parts = class::ClassParts { base: Some(base), offset: Some(offset), ..Default::default() };
    class::make::<StopIteration>(module, parts)
}

/// Sets a `StopIteration` that carries `value`, to be seen by whoever called `send` or `throw`.
pub fn set_visible(value: Obj) {
    let made = Obj::tuple([value]).and_then(|args| {
        // SAFETY: a class that lives as long as the interpreter, a tuple, and no keywords.
        unsafe { Obj::new_ref(c::PyObject_Call(c::PyExc_StopIteration, args.as_ptr(), ptr::null_mut())) }
    });
    if let Ok(exception) = made {
        let _ = Raised::exception(exception);
    }
}
