//! The event loop: its state.
//!
//! `ferraio.EventLoop` is a Python class over this one and `asyncio.SelectorEventLoop`: what is here is hot, the rest is
//! the standard library's own code, which finds its attributes (`_ready`, `_thread_id`, `_debug`, …) here.
//!
//! * `turn.rs`: one turn, and running until stopped
//! * `ready.rs`: what the ready ring holds, and how each entry is run
//! * `schedule.rs`: call_soon, call_later, call_at, call_soon_threadsafe, create_task, create_future
//! * `watch.rs`: which fds are watched, and for whom
//! * `observed.rs`: what diagnosing is told
//! * `readers.rs`: add_reader, add_writer and their opposites
//! * `class.rs`: what Python sees of the rest

mod class;
pub mod observed;
mod readers;
mod ready;
mod schedule;
mod turn;
mod watch;

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use ferraio_core::clock;
use ferraio_core::inbox::{AfterPost, Inbox};
use ferraio_core::pacing::Pacing;
use ferraio_core::pulse::Pulse;
use ferraio_core::ring::Ring;
use ferraio_core::timers::{AfterCancel, Timers};
use ferraio_core::waker::Waker;

use crate::diagnose::Watching;
use crate::error::Error;
use crate::ffi::received_bytes::SpareBytes;
use crate::ffi::thread::{self, Posted, ThreadState};
use crate::ffi::{Class, ClassCell, Name, Obj, Own, Result, Slot, Visit, current_task, fork};
use crate::future::Future;
use crate::handle::{Handle, TimerHandle};
use crate::transport::AddressBook;

pub use class::make_class;
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
    /// What it shows to the watchdog; unset until it was watched for the first time.
    pulse: OnceCell<Arc<Pulse>>,
    /// While it runs and is watched.
    watching: RefCell<Option<Watching>>,
    /// Why a call may not take the short way.
    flags: Cell<Flags>,
    /// Leave after this turn.
    stopping: Cell<bool>,
    /// The thread that runs it; 0: none.
    thread: Cell<u64>,
    /// The same, by what is faster to compare.
    runner: Cell<ThreadState>,
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
    /// When the observer wants to look again, as `time.monotonic()`; infinite: it does not. Of a loop that is not
    /// observed: when diagnosing begins (`observed.rs`).
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
    const OWN_CREATE_TASK: Flags = Flags(16);
    /// Somebody has overridden `call_later`, so every sleep must go through it.
    const OWN_CALL_LATER: Flags = Flags(32);
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
            pulse: OnceCell::new(),
            watching: RefCell::new(None),
            flags: Cell::new(Flags::CLOSED),
            stopping: Cell::new(false),
            thread: Cell::new(0),
            runner: Cell::new(ThreadState::NONE),
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

    /// What a watchdog looks at, from now on.
    pub fn pulse(&self) -> &Arc<Pulse> {
        self.pulse.get_or_init(Arc::default)
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

    /// Has somebody overridden `call_later` or `call_at`, so that timers must not go to the heap past them?
    #[inline(always)]
    pub fn has_own_timers(&self) -> bool {
        self.flags.get().has(Flags::OWN_CALL_LATER) || self.flags.get().has(Flags::OWN_CALL_AT)
    }

    /// Is there nothing to look after: open, no debug mode, nothing overridden?
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.flags.get().with(Flags::OBSERVED, false) == Flags::NONE
    }

    /// Would an observer have nothing to say of the thread that uses it now: there is none, or this thread runs the loop?
    #[inline(always)]
    fn is_used_safely(&self) -> bool {
        !self.is_observed() || self.runner.get() == ThreadState::current()
    }

    /// May callbacks and tasks be scheduled without a look at anything?
    #[inline(always)]
    pub fn schedules_plainly(&self) -> bool {
        self.is_plain() && self.is_used_safely()
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
        const LOOK: Flags = Flags(Flags::CLOSED.0 | Flags::DEBUG.0 | Flags::OWN_CALL_SOON.0);
        if !self.flags.get().has(LOOK) && self.is_used_safely() { Ok(true) } else { self.takes_after_a_look() }
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
        if self.schedules_plainly() { Ok(()) } else { self.check_state() }
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
    /// Will be due soon: has fetched from memory meanwhile what is written then.
    fn prefetch(&self) {
        if let Timer::Handle(handle) = self {
            handle.obj().prefetch(2);
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
