//! `sleep(delay, result=None)`: an awaitable without a coroutine.
//!
//! A sleep is its own iterator, with `send`, `throw` and `close` as a coroutine has, so that `asyncio.iscoroutine` holds
//! and `create_task(sleep(1))` works. `sleep(0)` yields once. A longer one puts a future of its own into the loop's timers,
//! without a handle; `await` goes on with that future, and the sleep need not live until it is done. What is unusual (a
//! delay that is not a number, a loop that is not ours) is left to asyncio's own.

use std::cell::Cell;

use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::trampoline::Next;
use crate::ffi::{
    Args, Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, call_site, class, coroutine,
};
use crate::future::Future;
use crate::future_iterator::raise_thrown;
use crate::imports::{self as py};
use crate::sleep_future::SleepFuture;
use crate::{attribute, method, slot, slot_attribute};

/// A sleep.
pub struct Sleep {
    progress: Cell<Progress>,
    delay: Cell<f64>,
    result: Slot,
    /// While it waits in a loop of ours.
    future: Slot<Own<Future>>,
    /// asyncio's own coroutine, in a loop that is not ours.
    stand_in: Slot,
    /// Where it was made, if anybody wants to know.
    call_site: Slot,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    YieldedOnce,
    Waiting,
    Delegated,
    Done,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("ferraio._cold", "sleep");

/// What `sleep` looks like; looked up before anything is installed.
pub static ORIGINAL_FUNCTION: Import = Import::new("asyncio.tasks", "sleep");

impl Class for Sleep {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Sleep";
    const DOC: &'static std::ffi::CStr = c"What sleep() returns: to be awaited once.";
    const KEEP: usize = class::MANY;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.result.visit(visit);
        self.future.visit(visit);
        self.stand_in.visit(visit);
        self.call_site.visit(visit);
    }

    fn clear(&self) {
        self.result.clear();
        self.future.clear();
        self.stand_in.clear();
        self.call_site.clear();
    }

    fn needs_finalizer(&self) -> bool {
        self.progress.get() == Progress::New
    }

    fn finalize(this: &Own<Self>) {
        static WARN: Import = Import::new("warnings", "_warn_unawaited_coroutine");
        this.progress.set(Progress::Done);
        if WARN.now().and_then(|warn| warn.call([this.obj()])).is_err() {
            this.obj().write_unraisable();
        }
    }
}

/// `ferraio.sleep(delay, result=None)`.
pub fn sleep(args: Args<'_>) -> Result<Obj> {
    let (delay, result) = match (args.positional, args.has_keywords()) {
        ([delay], false) => (delay.clone(), None),
        _ => {
            let [delay, result] = args.bind("sleep", [&py::DELAY, &py::RESULT], 1, 2)?;
            (delay.expect("required"), result)
        }
    };
    let Some(seconds) = seconds_of(&delay) else {
        return ORIGINAL.get()?.call([&delay, &result.unwrap_or_else(Obj::none)]);
    };
    let sleep = || Sleep {
        progress: Cell::new(Progress::New),
        delay: Cell::new(seconds),
        result: result.clone().map_or_else(Slot::empty, Slot::new),
        future: Slot::empty(),
        stand_in: Slot::empty(),
        call_site: call_site::here(),
    };
    // Most hold nothing that the collector should know, until they are stepped by hand.
    Ok(if result.is_none() { Own::new_untracked(sleep)? } else { Own::new(sleep)? }.into_obj())
}

/// The value of an exact float or int that fits one.
fn seconds_of(delay: &Obj) -> Option<f64> {
    delay.exact_f64().or_else(|| delay.exact_int_as_f64())
}

fn next(this: &Own<Sleep>) -> Next {
    match this.progress.get() {
        Progress::New => start(this).unwrap_or_else(|raised| {
            this.progress.set(Progress::Done);
            Next::Raised(raised)
        }),
        Progress::YieldedOnce => {
            this.progress.set(Progress::Done);
            Next::Return(this.result.take().unwrap_or_else(Obj::none))
        }
        Progress::Waiting => end_wait(this).unwrap_or_else(Next::Raised),
        Progress::Delegated => match this.stand_in.get() {
            Some(coro) => match coroutine::send_none(&coro) {
                coroutine::Step::Yield(object) => Next::Yield(object),
                coroutine::Step::Return(value) => {
                    this.progress.set(Progress::Done);
                    Next::Return(value)
                }
                coroutine::Step::Raise(raised) => {
                    this.progress.set(Progress::Done);
                    Next::Raised(raised)
                }
            },
            None => Next::Raised(already_awaited()),
        },
        Progress::Done => Next::Raised(already_awaited()),
    }
}

#[cold]
fn already_awaited() -> Raised {
    Error::runtime("cannot reuse already awaited coroutine")
}

fn start(this: &Own<Sleep>) -> Result<Next> {
    let delay = this.delay.get();
    if delay <= 0.0 {
        this.progress.set(Progress::YieldedOnce);
        return Ok(Next::Yield(Obj::none()));
    }
    let Some(future) = begin_wait(delay)? else {
        let coro = ORIGINAL.get()?.call([&Obj::float(delay)?, &this.result.get_or_none()])?;
        this.track();
        this.stand_in.set(coro);
        this.progress.set(Progress::Delegated);
        return Ok(next(this));
    };
    future.upcast::<Future>().blocking.set(true);
    this.track();
    this.future.set(future.upcast().clone());
    this.progress.set(Progress::Waiting);
    Ok(Next::Yield(future.into_obj()))
}

/// A future that will be done after `delay` seconds, if the running loop is one of ours.
fn begin_wait(delay: f64) -> Result<Option<Own<SleepFuture>>> {
    let running = py::GET_RUNNING_LOOP.get()?.call0()?;
    let event_loop = match Own::<EventLoop>::from_obj(&running) {
        Some(ours) if ours.is_direct() && !ours.has_own_timers() && !delay.is_nan() => ours,
        _ => return Ok(None),
    };
    event_loop.check_open()?;
    let future = Own::new(SleepFuture::new)?;
    future.upcast::<Future>().start_in(event_loop)?;
    event_loop.wake_at(event_loop.clock()? + delay, future.upcast().clone());
    Ok(Some(future))
}

/// `await sleep(…)`: what the interpreter steps in its place.
fn awaited(this: &Own<Sleep>) -> Result<Obj> {
    let delay = this.delay.get();
    if this.progress.get() != Progress::New || delay <= 0.0 || this.result.is_some() {
        return itself(this);
    }
    let Some(future) = begin_wait(delay)? else { return itself(this) };
    this.progress.set(Progress::Done);
    Ok(future.into_obj())
}

fn end_wait(this: &Own<Sleep>) -> Result<Next> {
    let Some(future) = this.future.get() else { return Err(already_awaited()) };
    if !future.is_done() {
        return Err(Error::runtime("await wasn't used with future"));
    }
    give_up(this);
    future.value()?;
    Ok(Next::Return(this.result.take().unwrap_or_else(Obj::none)))
}

/// It waits no more: a timer that has not fired is dead.
fn give_up(this: &Own<Sleep>) {
    this.progress.set(Progress::Done);
    let Some(future) = this.future.take() else { return };
    future.abandon();
}

fn send(this: &Own<Sleep>, value: &Obj) -> Result<Obj> {
    if this.progress.get() == Progress::New && !value.is_none() {
        return Err(Error::type_("can't send non-None value to a just-started coroutine"));
    }
    match next(this) {
        Next::Yield(object) => Ok(object),
        Next::Raised(raised) => Err(raised),
        Next::Return(value) => {
            coroutine::set_stop_iteration(value);
            Err(Raised::set())
        }
    }
}

fn throw(this: &Own<Sleep>, args: &[Obj]) -> Result<Obj> {
    static THROW: Name = Name::new("throw");
    let [class, rest @ ..] = args else {
        return Err(Error::type_("throw expected at least 1 argument, got 0"));
    };
    if let (Progress::Delegated, Some(coro)) = (this.progress.get(), this.stand_in.get()) {
        return coro.attr(&THROW)?.call_slice(args);
    }
    if this.progress.get() == Progress::Done {
        return Err(already_awaited());
    }
    give_up(this);
    Err(raise_thrown(class, rest.first(), rest.get(1)))
}

fn close(this: &Own<Sleep>) -> Result<Obj> {
    if let (Progress::Delegated, Some(coro)) = (this.progress.get(), this.stand_in.take()) {
        this.progress.set(Progress::Done);
        return coro.call_method(&py::CLOSE, []);
    }
    give_up(this);
    Ok(Obj::none())
}

fn itself(this: &Own<Sleep>) -> Result<Obj> {
    Ok(this.obj().clone())
}

fn name(_: &Own<Sleep>) -> Result<Obj> {
    Obj::str("sleep")
}

fn nothing(_: &Own<Sleep>) -> Result<Obj> {
    Ok(Obj::none())
}

fn awaits(this: &Own<Sleep>) -> Result<Obj> {
    Ok(this.stand_in.get().or_else(|| this.future.get().map(Own::into_obj)).unwrap_or_else(Obj::none))
}

fn running(_: &Own<Sleep>) -> Result<Obj> {
    Ok(Obj::bool(false))
}

fn repr(this: &Own<Sleep>) -> Result<Obj> {
    Obj::str(&format!("<coroutine object sleep at {:p}>", this.obj().as_ptr()))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut await_method = method!(Sleep, "__await__", noargs, itself, "Return an iterator to be used in an await.");
    await_method.ml_flags |= pyo3_ffi::METH_COEXIST;
    let parts = class::ClassParts {
        methods: vec![
            await_method,
            method!(Sleep, "send", one, send, "Step on, as a coroutine does."),
            method!(Sleep, "throw", fast, throw, "Raise an exception at the place where it waits."),
            method!(Sleep, "close", noargs, close, "End it."),
        ],
        attributes: vec![
            attribute!(Sleep, "__name__", name),
            attribute!(Sleep, "__qualname__", name),
            attribute!(Sleep, "cr_origin", nothing),
            slot_attribute!(Sleep, "_call_site", call_site),
            attribute!(Sleep, "cr_frame", nothing),
            attribute!(Sleep, "cr_code", nothing),
            attribute!(Sleep, "cr_await", awaits),
            attribute!(Sleep, "cr_running", running),
        ],
        slots: vec![
            slot!(Sleep, await, awaited),
            slot!(Sleep, iter, itself),
            slot!(Sleep, iternext, next),
            slot!(Sleep, repr, repr),
        ],
        ..Default::default()
    };
    class::make::<Sleep>(module, parts)
}
