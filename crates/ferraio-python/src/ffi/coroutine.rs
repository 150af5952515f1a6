//! Stepping coroutines, and how an await ends.

use std::ptr;

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::name::Name;
use super::object::Obj;

/// What one step of a coroutine gave.
pub enum Step {
    /// It waits for this.
    Yield(Obj),
    /// It is finished with this result.
    Return(Obj),
    /// It is finished with the exception that is set.
    Raise(Raised),
}

static THROW: Name = Name::new("throw");

/// `coroutine.send(None)`.
#[inline(always)]
pub fn send_none(coroutine: &Obj) -> Step {
    let mut result = ptr::null_mut();
    // SAFETY: a live object and None; `result` gets a new reference unless an exception is set.
    unsafe {
        match c::PyIter_Send(coroutine.as_ptr(), c::Py_None(), &mut result) {
            c::PySendResult::PYGEN_NEXT => Step::Yield(Obj::take(result).expect("a yielded value")),
            c::PySendResult::PYGEN_RETURN => Step::Return(Obj::take(result).expect("a returned value")),
            c::PySendResult::PYGEN_ERROR => Step::Raise(Raised::set()),
        }
    }
}

/// `coroutine.throw(exception)`.
pub fn throw(coroutine: &Obj, exception: &Obj) -> Step {
    match coroutine.call_method(&THROW, [exception]) {
        Ok(value) => Step::Yield(value),
        Err(raised) => match stop_value(raised) {
            Ok(value) => Step::Return(value),
            Err(raised) => Step::Raise(raised),
        },
    }
}

/// The value of the `StopIteration` that is set, or the other exception.
fn stop_value(raised: Raised) -> Result<Obj> {
    static VALUE: Name = Name::new("value");
    if !raised.matches(&super::exception::stop_iteration()) {
        return Err(raised);
    }
    raised.take().attr(&VALUE)
}

/// Sets the `StopIteration` that `send` and `throw` of a coroutine end with.
pub fn set_stop_iteration(value: Obj) {
    super::stop_iteration::set_visible(value);
}

/// `contextvars.copy_context()`.
#[inline(always)]
pub fn copy_context() -> Result<Obj> {
    // SAFETY: gives a new reference or NULL.
    unsafe { Obj::new_ref(c::PyContext_CopyCurrent()) }
}

/// Is it a `contextvars.Context`?
pub fn is_context(object: &Obj) -> bool {
    // SAFETY: a live object.
    unsafe { c::PyContext_CheckExact(object.as_ptr()) != 0 }
}

/// Runs `body` inside `context`; fails if the context is already entered.
#[inline(always)]
pub fn in_context<T>(context: &Obj, body: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: the interpreter checks that it is a context that can be entered.
    Raised::check(unsafe { c::PyContext_Enter(context.as_ptr()) })?;
    match body() {
        Ok(value) => leave_context(context).map(|()| value),
        Err(raised) => {
            // Leaving fails only if the body left contexts unbalanced; then its own exception is what counts.
            let error = raised.take();
            if let Err(raised) = leave_context(context) {
                raised.clear();
            }
            Err(Raised::exception(error))
        }
    }
}

#[inline(always)]
fn leave_context(context: &Obj) -> Result<()> {
    // SAFETY: the interpreter checks that the context is the one entered last.
    Raised::check(unsafe { c::PyContext_Exit(context.as_ptr()) })
}
