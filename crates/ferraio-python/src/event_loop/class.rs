//! The class that Python sees: asyncio's attributes, what is asked of the loop, and how it begins and ends.
//!
//! The methods that run it, schedule and watch stand in the files of their own.

use std::sync::Arc;

use ferraio_core::clock;
use ferraio_core::inbox::Inbox;
use ferraio_core::waker::Waker;

use super::{CELL, EventLoop, Flags, Ready, Shared, Timer, readers, schedule, turn, watch};
use crate::error::Error;
use crate::ffi::thread::{self, ThreadState};
use crate::ffi::{Args, Import, Name, Obj, Own, Result, class, fork};
use crate::handle::TimerHandle;
use crate::imports as py;
use crate::{attribute, method, slot};

fn init(this: &Own<EventLoop>, _args: Args<'_>) -> Result<()> {
    let waker = Waker::new().map_err(|error| Error::from(error).raise())?;
    let io = watch::Io::new(&waker).map_err(|error| Error::from(error).raise())?;
    *this.io.borrow_mut() = Some(io);
    *this.shared.borrow_mut() = Some(Arc::new(Shared { inbox: Inbox::new(), waker }));
    this.hash.set(this.obj().hash()?);
    this.generation.set(fork::generation());
    this.set_flag(Flags::CLOSED, false);
    for (name, flag) in OVERRIDABLE {
        let theirs = this.obj().type_obj().attr(name)?;
        this.set_flag(*flag, !theirs.is(&own_attr(name)?));
    }
    Ok(())
}

/// The methods that the loop itself bypasses, unless somebody overrides them.
static OVERRIDABLE: &[(&Name, Flags)] = &[
    (&py::CALL_SOON, Flags::OWN_CALL_SOON),
    (&py::TIME, Flags::OWN_CLOCK),
    (&py::CREATE_TASK, Flags::OWN_CREATE_TASK),
    (&py::CALL_LATER, Flags::OWN_CALL_LATER),
    (&py::CALL_AT, Flags::OWN_CALL_AT),
];

/// The attribute as this class defines it, whatever subclasses make of it.
fn own_attr(name: &Name) -> Result<Obj> {
    CELL.obj().attr(name)
}

fn set_attribute(this: &Own<EventLoop>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    this.obj().generic_set_attr(name, value)?;
    for (method, flag) in OVERRIDABLE {
        if name.is(method.obj()) {
            let theirs = this.obj().type_obj().attr(method)?;
            this.set_flag(*flag, value.is_some() || !theirs.is(&own_attr(method)?));
        }
    }
    Ok(())
}

fn time(_: &Own<EventLoop>) -> Result<Obj> {
    Obj::float(clock::seconds(clock::monotonic_nanos()))
}

fn get_debug(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.debug()))
}

fn set_debug(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.set_flag(Flags::DEBUG, value.map_or(Ok(false), Obj::truth)?);
    Ok(())
}

fn is_running(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.is_running()))
}

fn is_closed(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.is_closed()))
}

fn set_closed(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.set_flag(Flags::CLOSED, value.map_or(Ok(false), Obj::truth)?);
    Ok(())
}

fn stopping(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.stopping.get()))
}

fn set_stopping(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.stopping.set(value.map_or(Ok(false), Obj::truth)?);
    Ok(())
}

fn stop(this: &Own<EventLoop>) -> Result<Obj> {
    this.stopping.set(true);
    Ok(Obj::none())
}

fn thread_id(this: &Own<EventLoop>) -> Result<Obj> {
    match this.thread.get() {
        0 => Ok(Obj::none()),
        thread => Obj::int(thread as i64),
    }
}

fn set_thread_id(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    let thread = match value {
        Some(value) if !value.is_none() => value.as_i64()? as u64,
        _ => 0,
    };
    this.thread.set(thread);
    this.runner.set(if thread == thread::ident() { ThreadState::current() } else { ThreadState::NONE });
    Ok(())
}

fn observed(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.is_observed()))
}

fn set_observed(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.set_flag(Flags::OBSERVED, value.map_or(Ok(false), Obj::truth)?);
    Ok(())
}

fn begin_to_be_watched(this: &Own<EventLoop>) -> Result<Obj> {
    this.begin_to_be_watched()?;
    Ok(Obj::none())
}

fn next_look(this: &Own<EventLoop>) -> Result<Obj> {
    Obj::float(this.next_look.get())
}

fn set_next_look(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.next_look.set(value.map_or(Ok(f64::INFINITY), Obj::as_f64)?);
    Ok(())
}

fn task_factory(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(this.task_factory.get_or_none())
}

fn set_task_factory(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    match value {
        Some(value) if !value.is_none() => this.task_factory.set(value.clone()),
        _ => this.task_factory.clear(),
    }
    Ok(())
}

fn transports(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(this.transports.get_or_none())
}

fn set_transports(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    static DATA: Name = Name::new("data");
    let Some(value) = value else { return Err(Error::type_("_transports cannot be deleted")) };
    this.transports_by_fd.set(value.attr(&DATA)?);
    this.transports.set(value.clone());
    Ok(())
}

fn slow_callback_duration(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(this.slow_callback_duration.get_or_none())
}

fn set_slow_callback_duration(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    match value {
        Some(value) => this.slow_callback_duration.set(value.clone()),
        None => this.slow_callback_duration.clear(),
    }
    Ok(())
}

fn current_handle(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(this.current_handle.get_or_none())
}

/// A list of handles: what asyncio has in its deque `_ready`.
fn ready_handles(this: &Own<EventLoop>) -> Result<Obj> {
    let mut handles = Vec::new();
    let count = this.ring.borrow().len();
    for index in 0..count {
        let entry = this.ring.borrow().get(index).map(Ready::share);
        if let Some(entry) = entry {
            handles.push(entry.into_handle(this)?);
        }
    }
    Obj::list_from(handles.into_iter())
}

/// A list of timer handles: what asyncio has in its heap `_scheduled`.
fn scheduled_handles(this: &Own<EventLoop>) -> Result<Obj> {
    static SET_RESULT: Import = Import::new("asyncio.futures", "_set_result_unless_cancelled");
    let timers: Vec<(f64, Timer)> = this
        .timers
        .borrow()
        .iter()
        .map(|(when, timer)| match timer {
            Timer::Handle(handle) => (when, Timer::Handle(handle.clone())),
            Timer::Sleep(future) => (when, Timer::Sleep(future.clone())),
        })
        .collect();
    let mut handles = Vec::with_capacity(timers.len());
    for (when, timer) in timers {
        handles.push(match timer {
            Timer::Handle(handle) => handle.into_obj(),
            Timer::Sleep(future) => {
                let arguments = crate::handle::Arguments::from_slice(&[future.into_obj(), Obj::none()])?;
                let context = crate::ffi::coroutine::copy_context()?;
                let callback = SET_RESULT.get()?.clone();
                Own::<TimerHandle>::create_timer(this, when, None, callback, arguments, context)?.into_obj()
            }
        });
    }
    Obj::list_from(handles.into_iter())
}

/// asyncio's `__init__` sets `_ready` and `_scheduled`; ours are where they are.
fn ignore(_: &Own<EventLoop>, _: Option<&Obj>) -> Result<()> {
    Ok(())
}

fn release(this: &Own<EventLoop>) -> Result<Obj> {
    this.let_go();
    this.read_buffer.take();
    Ok(Obj::none())
}

fn ring_the_waker(this: &Own<EventLoop>) -> Result<Obj> {
    if let Some(shared) = &*this.shared.borrow() {
        shared.waker.wake();
    }
    Ok(Obj::none())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut parts = class::ClassParts {
        methods: vec![
            method!(EventLoop, "time", noargs, time, "Return the time of the monotonic clock in seconds."),
            method!(
                EventLoop,
                "_begin_to_be_watched",
                noargs,
                begin_to_be_watched,
                "Let the watchdog look at this loop, which this thread runs."
            ),
            method!(EventLoop, "get_debug", noargs, get_debug, "Is debug mode on?"),
            method!(EventLoop, "is_running", noargs, is_running, "Is the loop running?"),
            method!(EventLoop, "is_closed", noargs, is_closed, "Was the loop closed?"),
            method!(EventLoop, "stop", noargs, stop, "Leave run_forever() after this turn."),
            method!(
                EventLoop,
                "_release",
                noargs,
                release,
                "Drop all that is scheduled, and close the loop's own fds."
            ),
            method!(EventLoop, "_write_to_self", noargs, ring_the_waker, "End the wait of the loop; from any thread."),
        ],
        attributes: vec![
            attribute!(EventLoop, "_debug", get_debug, set_debug),
            attribute!(EventLoop, "_closed", is_closed, set_closed),
            attribute!(EventLoop, "_stopping", stopping, set_stopping),
            attribute!(EventLoop, "_thread_id", thread_id, set_thread_id),
            attribute!(EventLoop, "_observed", observed, set_observed),
            attribute!(EventLoop, "_next_look", next_look, set_next_look),
            attribute!(EventLoop, "_task_factory", task_factory, set_task_factory),
            attribute!(EventLoop, "_transports", transports, set_transports),
            attribute!(EventLoop, "slow_callback_duration", slow_callback_duration, set_slow_callback_duration),
            attribute!(EventLoop, "_current_handle", current_handle, ignore),
            attribute!(EventLoop, "_ready", ready_handles, ignore),
            attribute!(EventLoop, "_scheduled", scheduled_handles, ignore),
        ],
        slots: vec![slot!(EventLoop, init, init), slot!(EventLoop, setattro, set_attribute)],
        ..Default::default()
    };
    parts.methods.extend(turn::methods());
    parts.methods.extend(schedule::methods());
    parts.methods.extend(readers::methods());
    parts.methods.extend(crate::transport::operation_methods());
    let class = class::make::<EventLoop>(module, parts)?;
    crate::transport::dress_operation_methods(&class)?;
    Ok(class)
}
