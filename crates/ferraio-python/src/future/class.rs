//! The class `Future` as Python sees it: methods, attributes, slots. Those in [`shared`] are the task's, too.

use super::{Callback, Future, State};
use crate::error::Error;
use crate::ffi::{Args, Obj, Own, Raised, Result, class, exception};
use crate::imports::{self as py};
use crate::{attribute, method, slot};

fn init(this: &Own<Future>, args: Args<'_>) -> Result<()> {
    this.check_new()?;
    let [event_loop] = args.bind("Future", [&py::LOOP], 0, 0)?;
    this.begin(event_loop)
}

fn result(this: &Own<Future>) -> Result<Obj> {
    this.value()
}

fn exception_of(this: &Own<Future>) -> Result<Obj> {
    match this.state() {
        State::Pending => Err(Error::invalid_state("Exception is not set.")),
        State::Cancelled => Err(Raised::raise(&this.cancelled_error()?)),
        State::Finished => {
            this.retrieved();
            Ok(Obj::none())
        }
        State::Failed => {
            this.retrieved();
            Ok(this.result.get_or_none())
        }
    }
}

fn set_result(this: &Own<Future>, result: &Obj) -> Result<Obj> {
    this.check_initialised()?;
    this.finish(result.clone())?;
    Ok(Obj::none())
}

fn set_exception(this: &Own<Future>, error: &Obj) -> Result<Obj> {
    let event_loop = this.loop_of()?;
    if this.is_done() {
        return Err(Error::invalid_state("invalid state"));
    }
    let error = if error.is_exception_class() { error.call0()? } else { error.clone() };
    if !error.is_exception() {
        return Err(Error::type_("invalid exception object"));
    }
    this.fail(refuse_stop_iteration(&event_loop, error)?)?;
    Ok(Obj::none())
}

/// A `StopIteration` cannot be raised into a coroutine: asyncio wraps or refuses it, and not always the same in all
/// releases of one version. So it is shown to a future of asyncio's own.
fn refuse_stop_iteration(event_loop: &Obj, error: Obj) -> Result<Obj> {
    static TAKEN: crate::ffi::Import = crate::ffi::Import::new("ferraio._cold", "exception_taken");
    if error.is_instance(&exception::stop_iteration())? { TAKEN.get()?.call([event_loop, &error]) } else { Ok(error) }
}

fn cancel(this: &Own<Future>, args: Args<'_>) -> Result<Obj> {
    let [message] = args.bind("cancel", [&py::MSG], 0, 1)?;
    this.check_initialised()?;
    this.cancel_future(message).map(Obj::bool)
}

fn cancelled(this: &Own<Future>) -> Result<Obj> {
    Ok(Obj::bool(this.state() == State::Cancelled))
}

fn done(this: &Own<Future>) -> Result<Obj> {
    Ok(Obj::bool(this.is_done()))
}

fn get_loop(this: &Own<Future>) -> Result<Obj> {
    this.loop_of()
}

fn add_done_callback(this: &Own<Future>, args: Args<'_>) -> Result<Obj> {
    if let ([callback], false) = (args.positional, args.has_keywords()) {
        this.add_function(callback, None)?;
        return Ok(Obj::none());
    }
    let [callback, context] = args.bind("add_done_callback", [&FN, &py::CONTEXT], 1, 1)?;
    this.add_function(&callback.expect("required"), context)?;
    Ok(Obj::none())
}

static FN: crate::ffi::Name = crate::ffi::Name::new("fn");

fn remove_done_callback(this: &Own<Future>, callback: &Obj) -> Result<Obj> {
    this.check_initialised()?;
    let mut kept = Vec::new();
    let mut removed = Vec::new();
    let mut failed = None;
    for candidate in this.take_callbacks() {
        let same = match (&failed, &candidate) {
            (None, Callback::Function(function)) => function.callback.equals(callback),
            (None, other) => other.as_pair().and_then(|(other, _)| other.equals(callback)),
            (Some(_), _) => Ok(false),
        };
        match same {
            Ok(true) => removed.push(candidate),
            Ok(false) => kept.push(candidate),
            Err(raised) => {
                failed = Some(raised.take());
                kept.push(candidate);
            }
        }
    }
    // Comparing may have run Python code that added callbacks: they come after those that were there.
    kept.extend(this.take_callbacks());
    for callback in kept {
        this.push_callback(callback);
    }
    match failed {
        Some(error) => Err(Raised::exception(error)),
        None => Obj::int(removed.len() as i64),
    }
}

fn make_cancelled_error(this: &Own<Future>) -> Result<Obj> {
    this.cancelled_error()
}

fn await_(this: &Own<Future>) -> Result<Obj> {
    this.check_initialised()?;
    Ok(this.obj().clone())
}

fn real_iterator(this: &Own<Future>) -> Result<Obj> {
    this.check_initialised()?;
    Ok(Own::new(|| crate::future_iterator::FutureIterator::new(this.clone()))?.into_obj())
}

fn repr(this: &Own<Future>) -> Result<Obj> {
    this.check_initialised()?;
    py::FUTURE_REPR.get()?.call([this.obj()])
}

fn state_attribute(this: &Own<Future>) -> Result<Obj> {
    this.check_initialised()?;
    Obj::str(match this.state() {
        State::Pending => "PENDING",
        State::Cancelled => "CANCELLED",
        State::Finished | State::Failed => "FINISHED",
    })
}

fn blocking(this: &Own<Future>) -> Result<Obj> {
    this.check_initialised()?;
    Ok(Obj::bool(this.blocking.get()))
}

fn set_blocking(this: &Own<Future>, value: Option<&Obj>) -> Result<()> {
    let value = value.ok_or_else(cannot_delete)?;
    this.blocking.set(value.truth()?);
    Ok(())
}

/// An attribute of futures and tasks cannot be deleted.
pub fn cannot_delete() -> Raised {
    Raised::text(&exception::attribute_error(), "cannot delete attribute")
}

fn loop_attribute(this: &Own<Future>) -> Result<Obj> {
    Ok(this.event_loop.get_or_none())
}

fn callbacks(this: &Own<Future>) -> Result<Obj> {
    let pairs = this.callback_pairs()?;
    if pairs.is_empty() {
        return Ok(Obj::none());
    }
    let tuples: Vec<Obj> =
        pairs.into_iter().map(|(callback, context)| Obj::tuple([callback, context])).collect::<Result<_>>()?;
    Obj::list_from(tuples.into_iter())
}

fn result_attribute(this: &Own<Future>) -> Result<Obj> {
    Ok(this.success().unwrap_or_else(Obj::none))
}

fn exception_attribute(this: &Own<Future>) -> Result<Obj> {
    Ok(this.failure().unwrap_or_else(Obj::none))
}

fn log_traceback(this: &Own<Future>) -> Result<Obj> {
    Ok(Obj::bool(this.log_traceback.get()))
}

fn set_log_traceback(this: &Own<Future>, value: Option<&Obj>) -> Result<()> {
    if value.ok_or_else(cannot_delete)?.truth()? {
        return Err(Error::Value(String::from("_log_traceback can only be set to False")).raise());
    }
    this.retrieved();
    Ok(())
}

fn source_traceback_attribute(this: &Own<Future>) -> Result<Obj> {
    Ok(this.source_traceback().unwrap_or_else(Obj::none))
}

fn delete_source_traceback(this: &Own<Future>, value: Option<&Obj>) -> Result<()> {
    match value {
        Some(value) => drop(this.with_rare(|rare| rare.source_traceback.replace(value.clone()))),
        None => drop(this.with_rare(|rare| rare.source_traceback.take())),
    }
    Ok(())
}

fn cancel_message_attribute(this: &Own<Future>) -> Result<Obj> {
    Ok(this.cancel_message().unwrap_or_else(Obj::none))
}

fn set_cancel_message_attribute(this: &Own<Future>, value: Option<&Obj>) -> Result<()> {
    this.set_cancel_message(Some(value.ok_or_else(cannot_delete)?.clone()));
    Ok(())
}

fn awaited_by_attribute(this: &Own<Future>) -> Result<Obj> {
    static FROZEN_SET: crate::ffi::Import = crate::ffi::Import::new("builtins", "frozenset");
    let mut waiting = Vec::new();
    this.add_awaited_by(&mut waiting)?;
    if waiting.is_empty() {
        return Ok(Obj::none());
    }
    FROZEN_SET.get()?.call([&Obj::list_from(waiting.into_iter())?])
}

/// What futures and tasks have in common, for the table of either class.
pub fn shared(parts: &mut class::ClassParts) {
    parts.methods.extend([
        method!(
            Future,
            "result",
            noargs,
            result,
            "Return the result; raise the exception, CancelledError or InvalidStateError."
        ),
        method!(
            Future,
            "exception",
            noargs,
            exception_of,
            "Return the exception, or None; raise CancelledError or InvalidStateError."
        ),
        method!(Future, "cancelled", noargs, cancelled, "Was it cancelled?"),
        method!(Future, "done", noargs, done, "Is it done: finished or cancelled?"),
        method!(Future, "get_loop", noargs, get_loop, "Return the event loop."),
        method!(
            Future,
            "add_done_callback",
            keywords,
            add_done_callback,
            "add_done_callback(fn, *, context=None)\n\nCall fn(future) when done, by the loop's call_soon."
        ),
        method!(
            Future,
            "remove_done_callback",
            one,
            remove_done_callback,
            "Remove each equal callback; return how many."
        ),
        method!(Future, "_make_cancelled_error", noargs, make_cancelled_error, "Make the CancelledError to raise."),
    ]);
    let mut await_method =
        method!(Future, "__await__", noargs, real_iterator, "Return an iterator to be used in an await.");
    await_method.ml_flags |= pyo3_ffi::METH_COEXIST;
    parts.methods.push(await_method);
    parts.attributes.extend([
        attribute!(Future, "_state", state_attribute),
        attribute!(Future, "_asyncio_future_blocking", blocking, set_blocking),
        attribute!(Future, "_loop", loop_attribute),
        attribute!(Future, "_callbacks", callbacks),
        attribute!(Future, "_result", result_attribute),
        attribute!(Future, "_exception", exception_attribute),
        attribute!(Future, "_log_traceback", log_traceback, set_log_traceback),
        attribute!(Future, "_source_traceback", source_traceback_attribute, delete_source_traceback),
        attribute!(Future, "_cancel_message", cancel_message_attribute, set_cancel_message_attribute),
    ]);
    if cfg!(Py_3_14) {
        parts.attributes.push(attribute!(Future, "_asyncio_awaited_by", awaited_by_attribute));
    }
    parts.slots.extend([
        slot!(Future, await, await_),
        slot!(Future, iter, real_iterator),
        slot!(Future, iternext, Own::<Future>::next),
    ]);
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut parts = class::ClassParts {
        base: Some(py::ASYNCIO_FUTURE.get()?.clone()),
        offset: Some(crate::task::offset()?),
        ..Default::default()
    };
    shared(&mut parts);
    parts.methods.extend([
        method!(
            Future,
            "set_result",
            one,
            set_result,
            "Mark it done and set the result; raise InvalidStateError if it is done."
        ),
        method!(
            Future,
            "set_exception",
            one,
            set_exception,
            "Mark it done and set the exception; raise InvalidStateError if it is done."
        ),
        method!(
            Future,
            "cancel",
            keywords,
            cancel,
            "cancel(msg=None)\n\nCancel it and schedule the callbacks; return False if it is done."
        ),
    ]);
    parts.slots.extend([slot!(Future, init, init), slot!(Future, repr, repr)]);
    class::make::<Future>(module, parts)
}
