//! The event loop: its state, and the class that Python sees.
//!
//! `ferraio.EventLoop` is a Python class over this one and `asyncio.SelectorEventLoop`: what is here is hot, the rest is
//! the standard library's own code, which finds its attributes (`_ready`, `_thread_id`, `_debug`, …) here.
//!
//! * `turn.rs`: one turn, and running until stopped
//! * `ready.rs`: what the ready ring holds, and how each entry is run
//! * `schedule.rs`: call_soon, call_later, call_at, call_soon_threadsafe, create_task, create_future
//! * `watch.rs`: which fds are watched, and for whom
//! * `observed.rs`: what diagnosing is told

pub mod observed;
mod ready;
mod schedule;
mod turn;
mod watch;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use ferraio_core::clock;
use ferraio_core::inbox::{AfterPost, Inbox};
use ferraio_core::pacing::Pacing;
use ferraio_core::ring::Ring;
use ferraio_core::timers::{AfterCancel, Timers};
use ferraio_core::waker::Waker;

use crate::error::Error;
use crate::ffi::received_bytes::SpareBytes;

use crate::ffi::thread::{self, Posted};
use crate::ffi::{Args, Class, ClassCell, Import, Name, Obj, Own, Result, Slot, Visit, class, current_task, fork};
use crate::future::Future;
use crate::handle::{Handle, TimerHandle};
use crate::transport::AddressBook;
use crate::{attribute, method, slot};

pub use ready::Ready;
pub use schedule::{call_soon_any, call_soon_foreign};
pub use watch::{Direction, Target};

/// What is due at a time.
pub enum Timer {
    /// A handle of `call_later` or `call_at`.
    Handle(Own<TimerHandle>),
    /// A future that `sleep` waits for.
    Sleep(Own<Future>),
}

/// What other threads may touch.
struct Shared {
    /// Handles of `call_soon_threadsafe`.
    inbox: Inbox<Posted<Own<Handle>>>,
    /// Ends the wait.
    waker: Waker,
}

/// The state that only the loop's own thread touches (under the GIL: one thread at a time).
pub struct EventLoop {
    /// What runs in the next turn.
    ring: RefCell<Ring<Ready>>,
    /// What is due later.
    timers: RefCell<Timers<Timer>>,
    /// Who is told of which fd; `None` before `__init__` and after `close`.
    io: RefCell<Option<watch::Io>>,
    /// What other threads may touch; `None` before `__init__` and after `close`.
    shared: RefCell<Option<Arc<Shared>>>,
    /// When to poll while busy.
    pacing: RefCell<Pacing>,
    /// Why a call may not take the short way.
    flags: Cell<Flags>,
    /// Leave after this turn.
    stopping: Cell<bool>,
    /// The thread that runs it; 0: none.
    thread: Cell<u64>,
    /// A task of ours is the current one.
    task_is_current: Cell<bool>,
    /// `hash(loop)`, for the dict of current tasks.
    hash: Cell<isize>,
    /// The fork generation it was made in.
    generation: Cell<u32>,
    /// The buffer into which sockets are read.
    read_buffer: Cell<Option<Box<[u8]>>>,
    /// The `bytes` object into which the next message may be received.
    pub spare_bytes: SpareBytes,
    /// Addresses that datagrams came from lately.
    pub addresses: AddressBook,
    /// When the observer wants to look again, as `time.monotonic()`; infinite: it does not.
    next_look: Cell<f64>,
    /// The version of `asyncio.Handle` when its `_run` was last looked at, and whether somebody has patched it.
    handle_version: Cell<(u32, bool)>,
    /// asyncio's weak dictionary of transports by fd number, and the dict inside it.
    transports: Slot,
    transports_by_fd: Slot,
    task_factory: Slot,
    slow_callback_duration: Slot,
    /// The handle that runs, in debug mode.
    current_handle: Slot,
}

/// Why a call may not take the short way.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    const NONE: Flags = Flags(0);
    /// `close()` was called, or `__init__` not yet.
    const CLOSED: Flags = Flags(1);
    /// Debug mode is on.
    const DEBUG: Flags = Flags(2);
    /// Somebody has overridden `call_soon`, so every callback must go through it.
    const OWN_CALL_SOON: Flags = Flags(4);
    /// Somebody has overridden `time`.
    const OWN_CLOCK: Flags = Flags(8);
    /// Somebody has overridden `create_task`.
    const OWN_CREATE_TASK: Flags = Flags(32);
    /// Somebody has overridden `call_later`, so every sleep must go through it.
    const OWN_CALL_LATER: Flags = Flags(16);
    /// Somebody has overridden `call_at`, so every timer must go through it.
    const OWN_CALL_AT: Flags = Flags(64);
    /// Somebody is told what happens (`observed.rs`).
    const OBSERVED: Flags = Flags(128);

    #[inline(always)]
    fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    fn with(self, flag: Flags, on: bool) -> Flags {
        if on { Flags(self.0 | flag.0) } else { Flags(self.0 & !flag.0) }
    }
}

static CELL: ClassCell = ClassCell::new();

impl Class for EventLoop {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.EventLoop";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.EventLoop.";
    const NEW: Option<fn() -> Self> = Some(EventLoop::uninitialised);
    const HAS_USUAL_SUBCLASS: bool = true;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        if let Ok(ring) = self.ring.try_borrow() {
            ring.iter().for_each(|ready| ready.visit(visit));
        }
        if let Ok(timers) = self.timers.try_borrow() {
            timers.iter().for_each(|(_, timer)| match timer {
                Timer::Handle(handle) => visit_handle(handle.upcast(), visit),
                Timer::Sleep(future) => visit.own(future),
            });
        }
        if let Ok(io) = self.io.try_borrow() {
            io.iter().for_each(|io| io.visit(visit));
        }
        self.transports.visit(visit);
        self.transports_by_fd.visit(visit);
        self.task_factory.visit(visit);
        self.slow_callback_duration.visit(visit);
        self.current_handle.visit(visit);
    }

    fn clear(&self) {
        self.transports.clear();
        self.transports_by_fd.clear();
        self.task_factory.clear();
        self.current_handle.clear();
        self.let_go();
    }
}

/// Shows what a handle holds, if nobody but the loop holds the handle.
fn visit_handle(handle: &Own<Handle>, visit: &mut Visit) {
    if handle.obj().ref_count() == 1 {
        handle.visit(visit);
    }
}

impl EventLoop {
    fn uninitialised() -> Self {
        EventLoop {
            ring: RefCell::default(),
            timers: RefCell::new(Timers::new()),
            io: RefCell::new(None),
            shared: RefCell::new(None),
            pacing: RefCell::new(Pacing::new()),
            flags: Cell::new(Flags::CLOSED),
            stopping: Cell::new(false),
            thread: Cell::new(0),
            task_is_current: Cell::new(false),
            hash: Cell::new(0),
            generation: Cell::new(fork::generation()),
            read_buffer: Cell::new(None),
            spare_bytes: SpareBytes::default(),
            addresses: AddressBook::default(),
            next_look: Cell::new(f64::INFINITY),
            handle_version: Cell::new((0, false)),
            transports: Slot::empty(),
            transports_by_fd: Slot::empty(),
            task_factory: Slot::empty(),
            slow_callback_duration: Slot::empty(),
            current_handle: Slot::empty(),
        }
    }

    /// Is debug mode on?
    #[inline(always)]
    pub fn debug(&self) -> bool {
        self.flags.get().has(Flags::DEBUG)
    }

    /// May callbacks go to the ring, past `call_soon`?
    #[inline(always)]
    pub fn is_direct(&self) -> bool {
        !self.flags.get().has(Flags::OWN_CALL_SOON)
    }

    /// May timers go to the heap, past `call_later` and `call_at`?
    #[inline(always)]
    pub fn has_own_timers(&self) -> bool {
        self.flags.get().has(Flags::OWN_CALL_LATER) || self.flags.get().has(Flags::OWN_CALL_AT)
    }

    /// Is there nothing to look after: open, no debug mode, nothing overridden?
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.flags.get().with(Flags::OBSERVED, false) == Flags::NONE
    }

    /// Is it plain, and not observed either?
    #[inline(always)]
    pub fn has_no_flags(&self) -> bool {
        self.flags.get() == Flags::NONE
    }

    /// Are tasks made here, without a factory or an overridden `create_task`?
    #[inline(always)]
    pub fn makes_own_tasks(&self) -> bool {
        !self.task_factory.is_some() && !self.flags.get().has(Flags::OWN_CREATE_TASK)
    }

    /// Is it running?
    #[inline(always)]
    pub fn is_running(&self) -> bool {
        self.thread.get() != 0
    }

    /// Was it closed?
    pub fn is_closed(&self) -> bool {
        self.flags.get().has(Flags::CLOSED)
    }

    fn set_flag(&self, flag: Flags, on: bool) {
        self.flags.set(self.flags.get().with(flag, on));
    }

    /// Fails in a child process: the parent's epoll instance must be left alone.
    fn check_process(&self) -> Result<()> {
        if self.generation.get() != fork::generation() {
            return Err(Error::runtime(
                "This event loop was made before fork() and cannot be used in the child process; make a new one",
            ));
        }
        Ok(())
    }

    /// Puts an entry on the ready ring.
    #[inline(always)]
    pub fn push(&self, ready: impl FnOnce() -> Ready) {
        self.ring.borrow_mut().push(ready);
    }

    /// One of the timers in the heap was cancelled.
    pub fn timer_cancelled(&self) {
        let dead = {
            let mut timers = self.timers.borrow_mut();
            match timers.note_cancelled() {
                AfterCancel::Leave => return,
                AfterCancel::Sweep => timers.sweep(Timer::is_alive),
            }
        };
        dead.iter().for_each(Timer::unscheduled);
    }

    /// Seconds of the monotonic clock, or of whatever `time` was overridden with.
    #[inline(always)]
    fn now(this: &Own<EventLoop>) -> Result<f64> {
        if this.flags.get().has(Flags::OWN_CLOCK) {
            return this.obj().call_method(&crate::imports::TIME, [])?.as_f64();
        }
        Ok(clock::seconds(clock::monotonic_nanos()))
    }

    /// Takes the buffer into which sockets are read; give it back with `put_read_buffer`.
    pub fn take_read_buffer(&self) -> Box<[u8]> {
        self.read_buffer.take().unwrap_or_else(|| vec![0; READ_SIZE].into_boxed_slice())
    }

    /// Gives the buffer back.
    pub fn put_read_buffer(&self, buffer: Box<[u8]>) {
        self.read_buffer.set(Some(buffer));
    }

    /// Drops all that is scheduled and all fds.
    fn let_go(&self) {
        let ring = self.ring.take();
        let timers = self.timers.borrow_mut().take_all();
        let io = self.io.take();
        // A thread that posts right now keeps the waker, and with it its fd, until it has rung.
        let posted = self.shared.take().map(|shared| shared.inbox.close());
        ring.iter().for_each(Ready::release);
        timers.iter().for_each(|timer| {
            timer.unscheduled();
            if let Timer::Handle(handle) = timer {
                handle.upcast::<Handle>().release();
            }
        });
        posted.into_iter().flatten().for_each(|handle| handle.into_inner().release());
        if let Some(io) = io {
            io.release();
        }
    }

    /// Hands a handle to the loop's thread, and ends its wait if need be.
    fn post(&self, handle: Own<Handle>) -> Result<()> {
        let shared = self.shared.borrow().clone();
        let Some(shared) = shared else { return Err(Error::runtime("Event loop is closed")) };
        match shared.inbox.post(Posted::new(handle)) {
            Ok(AfterPost::Wake) => shared.waker.wake(),
            Ok(AfterPost::Leave) => {}
            Err(_closed) => return Err(Error::runtime("Event loop is closed")),
        }
        Ok(())
    }
}

impl Own<EventLoop> {
    /// May a callback go to the ring now, past `call_soon`? Fails where `call_soon` does: a closed loop takes nothing,
    /// in debug mode another thread must not.
    #[inline(always)]
    pub fn takes_directly(&self) -> Result<bool> {
        const LOOK: Flags = Flags(Flags::CLOSED.0 | Flags::DEBUG.0 | Flags::OWN_CALL_SOON.0 | Flags::OBSERVED.0);
        if self.flags.get().has(LOOK) { self.takes_after_a_look() } else { Ok(true) }
    }

    #[cold]
    fn takes_after_a_look(&self) -> Result<bool> {
        if self.is_direct() {
            self.check_state()?;
        }
        Ok(self.is_direct())
    }

    /// Fails if it is closed; in debug mode also if another thread runs it.
    #[inline(always)]
    pub fn check_open(&self) -> Result<()> {
        if self.has_no_flags() { Ok(()) } else { self.check_state() }
    }

    #[cold]
    fn check_state(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::runtime("Event loop is closed"));
        }
        let running = self.thread.get();
        if running == 0 || running == thread::ident() {
            return Ok(());
        }
        if self.is_observed() {
            observed::WRONG_THREAD.tell([self.obj()]);
        }
        if self.debug() {
            return Err(Error::runtime(
                "Non-thread-safe operation invoked on an event loop other than the current one",
            ));
        }
        Ok(())
    }
}

impl Own<EventLoop> {
    /// Makes `task` the current one.
    #[inline(always)]
    fn enter_task(&self, task: &Obj) -> Result<()> {
        self.task_is_current.set(true);
        current_task::set(self.obj(), self.hash.get(), task)
    }

    /// No task is current any more: before anything runs that is not a task of ours.
    #[inline(always)]
    fn leave_task(&self) -> Result<()> {
        if self.task_is_current.replace(false) {
            return current_task::clear(self.obj(), self.hash.get());
        }
        Ok(())
    }
}

impl Own<EventLoop> {
    /// Notes that `transport` uses `fd`, until `remove_transport`.
    ///
    /// asyncio's weak dictionary would make a reference with a callback for when the transport dies; ours says itself
    /// when it is over.
    pub fn add_transport(&self, fd: i32, transport: &Obj) -> Result<()> {
        match self.transports_by_fd.get() {
            Some(transports) => transports.dict_set(&Obj::int(fd.into())?, &transport.weak_reference()?),
            None => Ok(()),
        }
    }

    /// Notes that `transport` uses `fd` no more.
    pub fn remove_transport(&self, fd: i32, transport: &Obj) -> Result<()> {
        let Some(transports) = self.transports_by_fd.get() else { return Ok(()) };
        let fd = Obj::int(fd.into())?;
        let Some(reference) = transports.dict_get(&fd)? else { return Ok(()) };
        match reference.weakly_referenced()? {
            Some(other) if !other.is(transport) => Ok(()),
            _ => transports.dict_remove(&fd),
        }
    }

    /// Fails if a transport uses `fd`.
    pub fn check_no_transport(&self, fd: i32) -> Result<()> {
        static CHECK: Name = Name::new("_ensure_fd_no_transport");
        let Some(transports) = self.transports_by_fd.get() else { return Ok(()) };
        let fd = Obj::int(fd.into())?;
        match transports.dict_get(&fd)? {
            Some(_) => self.obj().call_method(&CHECK, [&fd]).map(drop),
            None => Ok(()),
        }
    }
}

impl Timer {
    /// Will be looked at soon: has it fetched from memory meanwhile.
    fn prefetch(&self) {
        match self {
            Timer::Handle(handle) => handle.obj().prefetch(2),
            Timer::Sleep(future) => future.obj().prefetch(4),
        }
    }

    fn is_alive(&self) -> bool {
        match self {
            Timer::Handle(handle) => !handle.upcast::<Handle>().is_cancelled(),
            Timer::Sleep(future) => !future.is_done(),
        }
    }

    fn unscheduled(&self) {
        if let Timer::Handle(handle) = self {
            handle.scheduled.set(false);
        }
    }
}

/// The longest wait: a day, as in asyncio.
const LONGEST_WAIT: f64 = 24.0 * 3600.0;

/// How much is read from a socket at once: what asyncio asks for.
pub const READ_SIZE: usize = 256 * 1024;

// What Python sees.

fn init(this: &Own<EventLoop>, _args: Args<'_>) -> Result<()> {
    let waker = Waker::new().map_err(|error| Error::from(error).raise())?;
    let io = watch::Io::new(&waker).map_err(|error| Error::from(error).raise())?;
    *this.io.borrow_mut() = Some(io);
    *this.shared.borrow_mut() = Some(Arc::new(Shared { inbox: Inbox::new(), waker }));
    this.hash.set(this.obj().hash()?);
    this.generation.set(fork::generation());
    this.set_flag(Flags::CLOSED, false);
    for (name, flag) in OVERRIDABLE {
        let ours = Base::base_attr(name)?;
        let theirs = this.obj().type_obj().attr(name)?;
        this.set_flag(*flag, !theirs.is(&ours));
    }
    Ok(())
}

/// The methods that the loop itself bypasses, unless somebody overrides them.
static OVERRIDABLE: &[(&Name, Flags)] = &[
    (&crate::imports::CALL_SOON, Flags::OWN_CALL_SOON),
    (&crate::imports::TIME, Flags::OWN_CLOCK),
    (&crate::imports::CREATE_TASK, Flags::OWN_CREATE_TASK),
    (&crate::imports::CALL_LATER, Flags::OWN_CALL_LATER),
    (&crate::imports::CALL_AT, Flags::OWN_CALL_AT),
];

/// This class, apart from what subclasses make of it.
struct Base;

impl Base {
    /// The attribute as this class defines it.
    fn base_attr(name: &Name) -> Result<Obj> {
        CELL.obj().attr(name)
    }
}

fn set_attribute(this: &Own<EventLoop>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    this.obj().generic_set_attr(name, value)?;
    for (method, flag) in OVERRIDABLE {
        if name.is(method.obj()) {
            let theirs = this.obj().type_obj().attr(method)?;
            this.set_flag(*flag, value.is_some() || !theirs.is(&Base::base_attr(method)?));
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

fn observed(this: &Own<EventLoop>) -> Result<Obj> {
    Ok(Obj::bool(this.is_observed()))
}

fn set_observed(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.set_flag(Flags::OBSERVED, value.map_or(Ok(false), Obj::truth)?);
    Ok(())
}

fn next_look(this: &Own<EventLoop>) -> Result<Obj> {
    Obj::float(this.next_look.get())
}

fn set_next_look(this: &Own<EventLoop>, value: Option<&Obj>) -> Result<()> {
    this.next_look.set(value.map_or(Ok(f64::INFINITY), Obj::as_f64)?);
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
    this.thread.set(match value {
        Some(value) if !value.is_none() => value.as_i64()? as u64,
        _ => 0,
    });
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
    parts.methods.extend(watch::methods());
    parts.methods.extend(crate::transport::operation_methods());
    parts.methods.extend(crate::transport::accepting_methods());
    parts.methods.extend(crate::transport::pipe_methods());
    let class = class::make::<EventLoop>(module, parts)?;
    crate::transport::dress_operation_methods(&class)?;
    Ok(class)
}
