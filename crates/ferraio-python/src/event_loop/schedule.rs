//! Scheduling: `call_soon` and its kin, `create_task`, `create_future`.

use ferraio_core::clock;

use super::{EventLoop, Flags, Ready, Timer};
use crate::error::Error;
use crate::ffi::{Args, Import, Obj, Own, Result, context, thread};
use crate::future::Future;
use crate::handle::{Arguments, Handle, TimerHandle};
use crate::imports::{self as py};
use crate::method;
use crate::task::{Options, Task};
use crate::thread_safe_handle::ThreadSafeHandle;
use crate::timeout::Timeout;

impl Own<EventLoop> {
    /// `call_soon(callback, argument, context=context)`, for callers who want no handle.
    #[inline]
    pub fn call_soon_one(&self, callback: Obj, argument: Obj, context: Obj) -> Result<()> {
        self.check_open()?;
        let handle = Own::<Handle>::create(self, callback, Arguments::One(argument), context)?;
        self.push(|| Ready::Handle(handle));
        Ok(())
    }

    /// Wakes `future` at `when`, if it is not done by then.
    pub fn wake_at(&self, when: f64, future: Own<Future>) {
        future.timed.set(true);
        self.timers.borrow_mut().insert(when, Timer::Sleep(future));
    }

    /// `call_at(when, timeout._on_timeout)`, for a loop that is plain; `given_when` is the time if it was not a float.
    pub fn limit_at(&self, when: f64, given_when: Option<Obj>, timeout: &Own<Timeout>) -> Result<Own<TimerHandle>> {
        let timer = Own::<TimerHandle>::of_timeout(self, when, given_when, timeout)?;
        self.timers.borrow_mut().insert(when, Timer::Handle(timer.clone()));
        Ok(timer)
    }

    /// `loop.time()`.
    pub fn clock(&self) -> Result<f64> {
        EventLoop::now(self)
    }
}

/// `event_loop.call_soon(callback[, argument], context=context)` for a loop of any class.
pub fn call_soon_foreign(event_loop: &Obj, callback: &Obj, argument: Option<&Obj>, context: &Obj) -> Result<()> {
    let keywords = Obj::tuple([py::CONTEXT.obj().clone()])?;
    match argument {
        Some(argument) => {
            event_loop.call_method_with(&py::CALL_SOON, [callback, argument, context], 2, Some(&keywords))
        }
        None => event_loop.call_method_with(&py::CALL_SOON, [callback, context], 1, Some(&keywords)),
    }
    .map(drop)
}

/// The same, the short way where the loop is ours.
pub fn call_soon_any(event_loop: &Obj, callback: &Obj, argument: Option<&Obj>, context: &Obj) -> Result<()> {
    match (Own::<EventLoop>::from_obj(event_loop), argument) {
        (Some(ours), Some(argument)) if ours.is_direct() => {
            ours.call_soon_one(callback.clone(), argument.clone(), context.clone())
        }
        _ => call_soon_foreign(event_loop, callback, argument, context),
    }
}

/// The keyword `context`, or what a copy of the current one would hold.
#[inline(always)]
pub(super) fn context_of(args: &Args<'_>, function: &str) -> Result<Obj> {
    match args.only_keyword(function, &py::CONTEXT)? {
        Some(context) if !context.is_none() => Ok(context),
        _ => context::capture(),
    }
}

#[cold]
fn missing(function: &str, argument: &str) -> crate::ffi::Raised {
    Error::type_(format!("{function}() missing 1 required positional argument: '{argument}'"))
}

/// In debug mode: refuses coroutines and what is not callable.
#[cold]
fn check_callback(event_loop: &Own<EventLoop>, callback: &Obj, function: &str) -> Result<()> {
    static CHECK: Import = Import::new("asyncio.base_events", "BaseEventLoop");
    static CHECK_CALLBACK: crate::ffi::Name = crate::ffi::Name::new("_check_callback");
    CHECK.get()?.attr(&CHECK_CALLBACK)?.call([event_loop.obj(), callback, &Obj::str(function)?]).map(drop)
}

fn call_soon(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let [callback, arguments @ ..] = args.positional else { return Err(missing("call_soon", "callback")) };
    this.check_open()?;
    let context = context_of(&args, "call_soon")?;
    if this.debug() {
        check_callback(this, callback, "call_soon")?;
    }
    let handle = Own::<Handle>::create(this, callback.clone(), Arguments::from_slice(arguments)?, context)?;
    this.push(|| Ready::Handle(handle.clone()));
    Ok(handle.into_obj())
}

fn call_soon_threadsafe(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let [callback, arguments @ ..] = args.positional else { return Err(missing("call_soon_threadsafe", "callback")) };
    if this.is_closed() {
        return Err(Error::runtime("Event loop is closed"));
    }
    let context = context_of(&args, "call_soon_threadsafe")?;
    if this.debug() {
        check_callback(this, callback, "call_soon_threadsafe")?;
    }
    let (callback, arguments) = (callback.clone(), Arguments::from_slice(arguments)?);
    let handle = if cfg!(Py_3_14) {
        Own::<ThreadSafeHandle>::create(this, callback, arguments, context)?.upcast().clone()
    } else {
        Own::<Handle>::create(this, callback, arguments, context)?
    };
    let running = this.thread.get();
    if running == 0 || running == thread::ident() {
        // The loop does not wait now, and what this thread schedules must keep its order.
        this.push(|| Ready::from(handle.clone()));
    } else {
        this.post(handle.clone())?;
    }
    Ok(handle.into_obj())
}

/// The loop's own thread takes what others have posted.
pub(super) fn take_posts(this: &Own<EventLoop>) {
    let shared = this.shared.borrow();
    let Some(shared) = &*shared else { return };
    if !shared.inbox.has_posts() {
        return;
    }
    let mut posts = Vec::new();
    shared.inbox.take(&mut posts);
    let mut ring = this.ring.borrow_mut();
    for post in posts {
        ring.push(|| Ready::from(post.into_inner()));
    }
}

#[inline(always)]
fn schedule_timer(
    this: &Own<EventLoop>,
    when: f64,
    given_when: Option<Obj>,
    args: &Args<'_>,
    function: &str,
) -> Result<Obj> {
    let [_, callback, arguments @ ..] = args.positional else { return Err(missing(function, "callback")) };
    this.check_open()?;
    let context = context_of(args, function)?;
    if this.debug() {
        check_callback(this, callback, function)?;
    }
    let arguments = Arguments::from_slice(arguments)?;
    let timer = Own::<TimerHandle>::create_timer(this, when, given_when, callback.clone(), arguments, context)?;
    this.timers.borrow_mut().insert(when, Timer::Handle(timer.clone()));
    Ok(timer.into_obj())
}

fn call_later(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let Some(delay) = args.positional.first() else { return Err(missing("call_later", "delay")) };
    if delay.is_none() {
        return Err(Error::type_("delay must not be None"));
    }
    if let (Some(seconds), false) =
        (delay.exact_f64(), this.flags.get().has(Flags::OWN_CLOCK) || this.flags.get().has(Flags::OWN_CALL_AT))
    {
        return schedule_timer(this, clock::seconds(clock::monotonic_nanos()) + seconds, None, &args, "call_later");
    }
    let when = this.obj().call_method(&py::TIME, [])?.add(delay)?;
    if this.flags.get().has(Flags::OWN_CALL_AT) {
        return call_overridden_at(this, when, &args);
    }
    call_at_object(this, &when, &args, "call_later")
}

/// asyncio's `call_later` is made of `call_at`: whoever overrides that sees all timers.
#[cold]
fn call_overridden_at(this: &Own<EventLoop>, when: Obj, args: &Args<'_>) -> Result<Obj> {
    let keywords = Obj::dict()?;
    args.for_each_keyword(|name, value| keywords.dict_set(name, value))?;
    let positional = std::iter::once(when).chain(args.positional[1..].iter().cloned()).collect::<Vec<_>>();
    this.obj().attr(&py::CALL_AT)?.call_tuple_dict(&Obj::tuple_from(positional.into_iter())?, Some(&keywords))
}

fn call_at(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let Some(when) = args.positional.first() else { return Err(missing("call_at", "when")) };
    if when.is_none() {
        return Err(Error::type_("when cannot be None"));
    }
    call_at_object(this, when, &args, "call_at")
}

fn call_at_object(this: &Own<EventLoop>, when: &Obj, args: &Args<'_>, function: &str) -> Result<Obj> {
    match when.exact_f64() {
        Some(seconds) => schedule_timer(this, seconds, None, args, function),
        None => schedule_timer(this, when.as_f64()?, Some(when.clone()), args, function),
    }
}

fn create_future(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Future::create(this)?.into_obj())
}

fn create_task(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    if !this.task_factory.is_some()
        && let ([coro], false) = (args.positional, args.has_keywords())
    {
        if this.is_closed() {
            return Err(Error::runtime("Event loop is closed"));
        }
        return Ok(Own::<Task>::create(this, coro, Options::default())?.into_obj());
    }
    create_task_with_options(this, args)
}

#[cold]
fn create_task_with_options(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    if this.task_factory.is_some() {
        let keywords = Obj::dict()?;
        args.for_each_keyword(|name, value| keywords.dict_set(name, value))?;
        let positional = std::iter::once(this.obj()).chain(args.positional).cloned().collect::<Vec<_>>();
        return py::BASE_CREATE_TASK.get()?.call_tuple_dict(&Obj::tuple_from(positional.into_iter())?, Some(&keywords));
    }
    let [coro, name, context, eager_start] =
        args.bind("create_task", [&py::CORO, &py::NAME, &py::CONTEXT, &py::EAGER_START], 1, 1)?;
    if eager_start.is_some() && !cfg!(Py_3_13) {
        return Err(Error::type_("create_task() got an unexpected keyword argument 'eager_start'"));
    }
    if this.is_closed() {
        return Err(Error::runtime("Event loop is closed"));
    }
    let eager_start = eager_start.map_or(Ok(false), |eager_start| eager_start.truth())?;
    let options = Options { name, context, eager_start };
    Ok(Own::<Task>::create(this, &coro.expect("required"), options)?.into_obj())
}

/// asyncio's own code puts its handles on the ring.
fn add_callback(this: &Own<EventLoop>, handle: &Obj) -> Result<Obj> {
    static CANCELLED: crate::ffi::Name = crate::ffi::Name::new("_cancelled");
    if !handle.attr(&CANCELLED)?.truth()? {
        this.push(|| match Own::<Handle>::from_obj(handle) {
            Some(ours) => Ready::from(ours.clone()),
            None => Ready::Foreign(handle.clone()),
        });
    }
    Ok(Obj::none())
}

pub(super) fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![
        method!(
            EventLoop,
            "call_soon",
            keywords,
            call_soon,
            "call_soon(callback, *args, context=None)\n\nCall the callback in the next turn; return its Handle."
        ),
        method!(
            EventLoop,
            "call_soon_threadsafe",
            keywords,
            call_soon_threadsafe,
            "call_soon_threadsafe(callback, *args, context=None)\n\nLike call_soon(), from any thread."
        ),
        method!(
            EventLoop,
            "call_later",
            keywords,
            call_later,
            "call_later(delay, callback, *args, context=None)\n\nCall the callback after delay seconds; return its TimerHandle."
        ),
        method!(
            EventLoop,
            "call_at",
            keywords,
            call_at,
            "call_at(when, callback, *args, context=None)\n\nCall the callback at a time of loop.time(), in seconds; return its TimerHandle."
        ),
        method!(EventLoop, "create_future", noargs, create_future, "Return a new Future of this loop."),
        method!(
            EventLoop,
            "create_task",
            keywords,
            create_task,
            "create_task(coro, *, name=None, context=None, **kwargs)\n\nSchedule a coroutine; return its Task."
        ),
        method!(EventLoop, "_add_callback", one, add_callback, "Put a handle on the ready ring."),
    ]
}
