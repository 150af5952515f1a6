//! The class `Task` as Python sees it: methods, attributes, slots.

use super::{Options, Task, name_text};
use crate::error::Error;
use crate::ffi::class::offset_behind;
use crate::ffi::{Args, Obj, Own, Result, class};
use crate::future::Future;
use crate::imports::{self as py};
use crate::{attribute, method, slot};

fn init(this: &Own<Task>, args: Args<'_>) -> Result<()> {
    this.upcast::<Future>().check_new()?;
    let [coro, event_loop, name, context, eager_start] =
        args.bind("Task", [&py::CORO, &py::LOOP, &py::NAME, &py::CONTEXT, &py::EAGER_START], 1, 1)?;
    let eager_start = match eager_start {
        Some(_) if !cfg!(Py_3_12) => {
            return Err(Error::type_("Task() got an unexpected keyword argument 'eager_start'"));
        }
        Some(eager_start) => eager_start.truth()?,
        None => false,
    };
    this.begin(&coro.expect("required"), event_loop, Options { name, context, eager_start })
}

fn cancel(this: &Own<Task>, args: Args<'_>) -> Result<Obj> {
    let [message] = args.bind("cancel", [&py::MSG], 0, 1)?;
    this.cancel_task(message).map(Obj::bool)
}

fn cancelling(this: &Own<Task>) -> Result<Obj> {
    Obj::int(this.cancel_requests.get().into())
}

fn uncancel(this: &Own<Task>) -> Result<Obj> {
    let requests = this.cancel_requests.get();
    if requests > 0 {
        this.cancel_requests.set(requests - 1);
        if requests == 1 && cfg!(Py_3_13) {
            this.must_cancel.set(false);
        }
    }
    Obj::int(this.cancel_requests.get().into())
}

fn name(this: &Own<Task>) -> Result<Obj> {
    if let Some(name) = this.name.get() {
        return Ok(name);
    }
    let name = Obj::str(&format!("Task-{}", this.number.get()))?;
    this.name.set(name.clone());
    Ok(name)
}

fn set_name(this: &Own<Task>, name: &Obj) -> Result<Obj> {
    this.name.set(name_text(name)?);
    Ok(Obj::none())
}

fn get_coro(this: &Own<Task>) -> Result<Obj> {
    Ok(this.coro.get_or_none())
}

fn get_context(this: &Own<Task>) -> Result<Obj> {
    Ok(this.context.get_or_none())
}

fn set_result(_: &Own<Task>, _: &Obj) -> Result<Obj> {
    Err(Error::runtime("Task does not support set_result operation"))
}

fn set_exception(_: &Own<Task>, _: &Obj) -> Result<Obj> {
    Err(Error::runtime("Task does not support set_exception operation"))
}

fn repr(this: &Own<Task>) -> Result<Obj> {
    py::TASK_REPR.get()?.call([this.obj()])
}

fn step(this: &Own<Task>, args: &[Obj]) -> Result<Obj> {
    this.step_foreign(args.first().filter(|error| !error.is_none()).cloned()).map(|()| Obj::none())
}

fn wakeup(this: &Own<Task>, future: &Obj) -> Result<Obj> {
    this.wake_foreign(future).map(|()| Obj::none())
}

fn must_cancel(this: &Own<Task>) -> Result<Obj> {
    Ok(Obj::bool(this.must_cancel.get()))
}

fn set_must_cancel(this: &Own<Task>, value: Option<&Obj>) -> Result<()> {
    this.must_cancel.set(value.ok_or_else(crate::future::cannot_delete)?.truth()?);
    Ok(())
}

fn waits_for(this: &Own<Task>) -> Result<Obj> {
    Ok(this.waits_for.get_or_none())
}

fn log_destroy_pending(this: &Own<Task>) -> Result<Obj> {
    Ok(Obj::bool(this.log_destroy_pending.get()))
}

fn set_log_destroy_pending(this: &Own<Task>, value: Option<&Obj>) -> Result<()> {
    this.log_destroy_pending.set(value.ok_or_else(crate::future::cannot_delete)?.truth()?);
    Ok(())
}

/// Where the value lies in futures and tasks alike: behind the longer of the two C structs.
pub fn offset() -> Result<usize> {
    Ok(offset_behind(py::ASYNCIO_TASK.get()?).max(offset_behind(py::ASYNCIO_FUTURE.get()?)))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut parts = class::ClassParts {
        base: Some(py::ASYNCIO_TASK.get()?.clone()),
        offset: Some(offset()?),
        ..Default::default()
    };
    crate::future::shared(&mut parts);
    parts.methods.extend([
        method!(Task, "set_result", one, set_result, "Raise RuntimeError: only the coroutine ends a task."),
        method!(Task, "set_exception", one, set_exception, "Raise RuntimeError: only the coroutine ends a task."),
        method!(
            Task,
            "cancel",
            keywords,
            cancel,
            "cancel(msg=None)\n\nThrow CancelledError into the coroutine at its next step; return False if the task is done."
        ),
        method!(Task, "cancelling", noargs, cancelling, "Return how many cancellations were asked for."),
        method!(Task, "uncancel", noargs, uncancel, "Take back one request to cancel; return how many remain."),
        method!(Task, "get_name", noargs, name, "Return the name."),
        method!(Task, "set_name", one, set_name, "Set the name to str(value)."),
        method!(Task, "get_coro", noargs, get_coro, "Return the coroutine."),
        method!(Task, "get_context", noargs, get_context, "Return the context the coroutine runs in."),
        method!(Task, "_step", fast, step, "Step the coroutine; for loops that are not ferraio's."),
        method!(Task, "_wakeup", one, wakeup, "Step the coroutine because this future is done."),
    ]);
    parts.attributes.extend([
        attribute!(Task, "_must_cancel", must_cancel, set_must_cancel),
        attribute!(Task, "_coro", get_coro),
        attribute!(Task, "_context", get_context),
        attribute!(Task, "_fut_waiter", waits_for),
        attribute!(Task, "_log_destroy_pending", log_destroy_pending, set_log_destroy_pending),
    ]);
    parts.slots.extend([slot!(Task, init, init), slot!(Task, repr, repr)]);
    class::make::<Task>(module, parts)
}
