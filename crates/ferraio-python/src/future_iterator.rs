//! What `future.__await__()` and `iter(future)` give: an iterator with `send`, `throw` and `close`.
//!
//! `await future` itself does not need one: the future's own C slot steps it. This is for code that calls `__await__`.

use crate::error::Error;
use crate::ffi::trampoline::Next;
use crate::ffi::{Class, ClassCell, Obj, Own, Raised, Result, Slot, Visit, class, coroutine, exception};
use crate::future::Future;
use crate::{method, slot};

/// The iterator; it forgets the future at the end.
pub struct FutureIterator {
    future: Slot<Own<Future>>,
}

static CELL: ClassCell = ClassCell::new();

impl Class for FutureIterator {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.FutureIter";
    const DOC: &'static std::ffi::CStr =
        c"Iterates over one future: yields it while it is pending, then ends with its result.";

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.future.visit(visit);
    }

    fn clear(&self) {
        self.future.clear();
    }
}

impl FutureIterator {
    /// Iterates over `future`.
    pub fn new(future: Own<Future>) -> Self {
        FutureIterator { future: Slot::new(future) }
    }
}

fn next(this: &Own<FutureIterator>) -> Next {
    let Some(future) = this.future.get() else { return Next::Return(Obj::none()) };
    if !future.is_done() {
        if !future.blocking.replace(true) {
            return Next::Yield(future.into_obj());
        }
        return Next::Raised(Error::runtime("await wasn't used with future"));
    }
    this.future.clear();
    match future.value() {
        Ok(value) => Next::Return(value),
        Err(raised) => Next::Raised(raised),
    }
}

fn send(this: &Own<FutureIterator>, _value: &Obj) -> Result<Obj> {
    match next(this) {
        Next::Yield(object) => Ok(object),
        Next::Raised(raised) => Err(raised),
        Next::Return(value) => {
            coroutine::set_stop_iteration(value);
            Err(Raised::set())
        }
    }
}

fn throw(this: &Own<FutureIterator>, args: &[Obj]) -> Result<Obj> {
    let [class, rest @ ..] = args else {
        return Err(Error::type_("throw expected at least 1 argument, got 0"));
    };
    if !rest.is_empty() && cfg!(Py_3_12) {
        let message = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        exception::warn(&exception::deprecation_warning(), message, 1)?;
    }
    let traceback = rest.get(1).filter(|traceback| !traceback.is_none());
    if traceback.is_some_and(|traceback| traceback.type_name() != "traceback") {
        return Err(Error::type_("throw() third argument must be a traceback"));
    }
    this.future.clear();
    Err(raise_thrown(class, rest.first(), traceback))
}

/// Raises what `throw(type, value, traceback)` was given.
pub fn raise_thrown(class: &Obj, value: Option<&Obj>, traceback: Option<&Obj>) -> Raised {
    let error = if class.is_exception_class() {
        match value {
            Some(value) if value.is_exception() => Ok(value.clone()),
            Some(value) if !value.is_none() => class.call([value]),
            _ => class.call0(),
        }
    } else if class.is_exception() {
        if value.is_some_and(|value| !value.is_none()) {
            return Error::type_("instance exception may not have a separate value");
        }
        Ok(class.clone())
    } else {
        return Error::type_(format!(
            "exceptions must be classes or instances deriving from BaseException, not {}",
            class.type_name()
        ));
    };
    match error {
        Ok(error) => {
            if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
                exception::set_traceback(&error, Some(traceback));
            }
            Raised::exception(error)
        }
        Err(raised) => raised,
    }
}

fn close(this: &Own<FutureIterator>) -> Result<Obj> {
    this.future.clear();
    Ok(Obj::none())
}

fn iter(this: &Own<FutureIterator>) -> Result<Obj> {
    Ok(this.obj().clone())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    class::make::<FutureIterator>(
        module,
        class::ClassParts {
            methods: vec![
                method!(FutureIterator, "send", one, send, "Step on."),
                method!(FutureIterator, "throw", fast, throw, "Raise an exception at the place where it waits."),
                method!(FutureIterator, "close", noargs, close, "End it."),
            ],
            slots: vec![slot!(FutureIterator, iter, iter), slot!(FutureIterator, iternext, next)],
            ..Default::default()
        },
    )
}
