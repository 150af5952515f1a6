//! What all transports have in common: a socket, or the end of a pipe, in the care of a loop, on behalf of a protocol.
//!
//! A transport goes through [`Phase`]s, only forward. `close()` leads from Open to Closing while bytes wait to be sent,
//! and from there, or at once, to Lost: `connection_lost` is scheduled or was called. The fd is registered with the loop
//! when reading (or waiting to write) begins, and forgotten in phase Lost, always before the socket is closed.
//!
//! A class of transports has an [`Endpoint`] among its fields, and says in [`Transport`] what is particular to it.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the state, and watching the fd |
//! | `life.rs` | how a transport begins, and how it ends |
//! | `extra_info.rs` | what `get_extra_info` knows, and connections that have no socket object yet |
//! | `flow_control.rs` | when a protocol pauses writing |
//! | `class.rs` | what Python sees of every transport |

pub(super) mod class;
mod extra_info;
mod flow_control;
mod life;

use std::cell::{Cell, RefCell};

use ferraio_core::reactor::Key;

pub(super) use self::extra_info::{Accepted, Kind};
use self::flow_control::FlowControl;
use super::tcp::SocketTransport;
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Target};
use crate::ffi::coroutine::in_context;
use crate::ffi::{Class, Import, Name, Obj, Own, Result, Slot, Visit, exception};

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// In use.
    Open,
    /// `close()` was called; what waits to be sent is sent first.
    Closing,
    /// `connection_lost` is scheduled, or was called.
    Lost,
}

/// The state that every transport has.
pub struct Endpoint {
    /// The loop; empty before `__init__`, and after `connection_lost`.
    pub(super) event_loop: Slot<Own<EventLoop>>,
    /// The socket or pipe; empty before `__init__`, after `connection_lost`, and while there is `accepted`.
    pub(super) sock: Slot,
    /// In place of the socket: a connection for which nobody has asked to have a socket object.
    accepted: RefCell<Option<Box<Accepted>>>,
    pub(super) protocol: Slot,
    /// What `get_extra_info` knows: a dict.
    pub(super) extra: Slot,
    /// In which the protocol is told of what is received.
    pub(super) context: Slot,
    /// In phase Lost: what `connection_lost` is going to be called with.
    reason: Slot,
    flow: FlowControl,
    /// The registration of the fd with the loop.
    key: Cell<Option<Key>>,
    pub(super) fd: Cell<i32>,
    pub(super) phase: Cell<Phase>,
    /// `pause_reading()` was called.
    paused: Cell<bool>,
    /// The loop watches the fd for reading.
    pub(super) reads: Cell<bool>,
    /// The loop watches the fd for writing.
    pub(super) writes: Cell<bool>,
    /// In phase Lost: how many writes came too late, and one.
    lost_writes: Cell<u32>,
}

impl Endpoint {
    /// Before `__init__`.
    pub(super) fn uninitialised() -> Self {
        Endpoint {
            event_loop: Slot::empty(),
            sock: Slot::empty(),
            accepted: RefCell::new(None),
            protocol: Slot::empty(),
            extra: Slot::empty(),
            context: Slot::empty(),
            reason: Slot::empty(),
            flow: FlowControl::new(),
            key: Cell::new(None),
            fd: Cell::new(-1),
            phase: Cell::new(Phase::Open),
            paused: Cell::new(false),
            reads: Cell::new(false),
            writes: Cell::new(false),
            lost_writes: Cell::new(0),
        }
    }

    /// Is there a socket, with or without an object?
    pub(super) fn has_socket(&self) -> bool {
        self.sock.is_some() || self.accepted.borrow().as_ref().is_some_and(|accepted| accepted.fd() >= 0)
    }

    /// Is there a loop that is not closed?
    pub(super) fn has_open_loop(&self) -> bool {
        self.event_loop.get().is_some_and(|event_loop| !event_loop.is_closed())
    }

    /// The objects it holds, apart from the loop.
    fn slots(&self) -> [&Slot; 6] {
        [&self.sock, &self.protocol, &self.extra, &self.context, &self.reason, &self.flow.limits]
    }

    /// Shows what it holds to the garbage collector.
    pub(super) fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        for slot in self.slots() {
            slot.visit(visit);
        }
    }

    /// Lets go of what it holds.
    pub(super) fn clear(&self) {
        self.event_loop.clear();
        for slot in self.slots() {
            slot.clear();
        }
    }
}

/// A class of transports: what is particular to it.
pub trait Transport: Class {
    /// What is said of one that has no loop, before its beginning or after its end.
    const WITHOUT_LOOP: &'static str = "the transport is not connected";
    /// What is said when something goes wrong and nobody says what.
    const FATAL_ERROR: &'static str = "Fatal error on transport";
    /// Is it one end of a pipe? Then another transport may have the other direction of the same fd (a terminal's), and
    /// whoever writes goes on to watch whether anybody reads until all is written.
    const IS_PIPE: bool = false;

    /// The state that every transport has.
    fn endpoint(&self) -> &Endpoint;
    /// What the loop is to keep of one that watches its fd.
    fn target(this: Own<Self>) -> Target;
    /// Does nothing wait to be sent?
    fn is_drained(&self) -> bool;
    /// What waits to be sent counts as so many bytes.
    fn queued_bytes(&self) -> usize;
    /// Drops what waits to be sent.
    fn drop_queue(&self);
    /// asyncio's name for [`write_ready`](Transport::write_ready).
    fn write_ready_name() -> &'static Name;
    /// The fd is readable.
    fn read_ready(this: &Own<Self>) -> Result<()>;
    /// The fd is writable.
    fn write_ready(this: &Own<Self>) -> Result<()>;

    /// The transport itself, if the loop may begin and end it by itself: nobody has changed the methods for that.
    fn plain_stream(_this: &Own<Self>) -> Result<Option<Own<SocketTransport>>> {
        Ok(None)
    }

    /// The context in which everything is to run, if one is given.
    fn given_context(&self) -> Option<Obj> {
        None
    }

    /// Is it to be read, once the protocol knows of it?
    fn begins_to_read(&self) -> bool {
        true
    }

    /// Is this something that happens, of which only debug mode tells?
    fn is_usual(error: &Obj) -> Result<bool> {
        Ok(error.is_real_instance(&exception::os_error()))
    }

    /// Gives what arrives to another protocol.
    fn set_protocol(this: &Own<Self>, protocol: &Obj) -> Result<()> {
        this.endpoint().protocol.set(protocol.clone());
        Ok(())
    }

    /// It has let go of everything that every transport has; `closed` is how that went.
    fn let_go(_this: &Own<Self>, closed: Result<()>) -> Result<()> {
        closed
    }

    /// Nobody refers to it any more, though it was open.
    fn abandoned(_this: &Own<Self>) {}
}

impl<T: Transport> Own<T> {
    /// Was `close()` called, or is the connection lost?
    #[inline(always)]
    pub fn is_closing(&self) -> bool {
        self.endpoint().phase.get() != Phase::Open
    }

    /// The loop, while there is a socket.
    #[inline(always)]
    pub(super) fn event_loop(&self) -> Result<Own<EventLoop>> {
        self.endpoint().event_loop.get().ok_or_else(|| Error::runtime(T::WITHOUT_LOOP))
    }

    /// The fd is ready: runs in the transport's context.
    #[inline]
    pub fn ready(&self, direction: Direction) -> Result<()> {
        let Some(context) = self.endpoint().context.get() else { return Ok(()) };
        in_context(&context, || match direction {
            Direction::Read => T::read_ready(self),
            Direction::Write => T::write_ready(self),
        })
    }

    /// What asyncio would have in a handle for the direction, and the context it would run in.
    pub fn callback(&self, direction: Direction) -> Result<(Obj, Option<Obj>)> {
        static READ_READY: Name = Name::new("_read_ready");
        let name = match direction {
            Direction::Read => &READ_READY,
            Direction::Write => T::write_ready_name(),
        };
        Ok((self.obj().attr(name)?, self.endpoint().context.get()))
    }

    /// Begins to watch the fd, or stops; lazily, once the fd is registered.
    pub(super) fn watch(&self, direction: Direction, on: bool) -> Result<()> {
        let endpoint = self.endpoint();
        let flag = match direction {
            Direction::Read => &endpoint.reads,
            Direction::Write => &endpoint.writes,
        };
        if flag.get() == on {
            return Ok(());
        }
        let event_loop = self.event_loop()?;
        let target = on.then(|| T::target(self.clone()));
        match (endpoint.key.get(), target) {
            (_, target) if T::IS_PIPE => event_loop.replace_target(endpoint.fd.get(), direction, target)?,
            (Some(key), target) => event_loop.set_target(key, direction, target),
            (None, Some(target)) => endpoint.key.set(Some(event_loop.adopt(endpoint.fd.get(), direction, target)?)),
            (None, None) => {}
        }
        flag.set(on);
        Ok(())
    }

    /// The fd is not watched any more, and may be closed.
    fn forget_fd(&self) {
        let endpoint = self.endpoint();
        for (watched, direction) in [(&endpoint.reads, Direction::Read), (&endpoint.writes, Direction::Write)] {
            if watched.replace(false)
                && T::IS_PIPE
                && let Some(event_loop) = endpoint.event_loop.get()
            {
                drop(event_loop.unwatch(endpoint.fd.get(), direction));
            }
        }
        if let (Some(key), Some(event_loop)) = (endpoint.key.take(), endpoint.event_loop.get()) {
            event_loop.forget(key);
        }
    }

    /// Is what arrives given to the protocol?
    fn is_reading(&self) -> bool {
        !self.is_closing() && !self.endpoint().paused.get()
    }

    /// The protocol knows of the transport: reading may begin.
    pub fn start_reading(&self) -> Result<()> {
        if self.is_reading() { self.watch(Direction::Read, true) } else { Ok(()) }
    }

    fn pause_reading(&self) -> Result<()> {
        if !self.is_reading() {
            return Ok(());
        }
        self.endpoint().paused.set(true);
        self.watch(Direction::Read, false)?;
        self.log_debug("%r pauses reading")
    }

    fn resume_reading(&self) -> Result<()> {
        if self.is_closing() || !self.endpoint().paused.get() {
            return Ok(());
        }
        self.endpoint().paused.set(false);
        self.watch(Direction::Read, true)?;
        self.log_debug("%r resumes reading")
    }

    /// In debug mode: a line for the log.
    pub(super) fn log_debug(&self, text: &str) -> Result<()> {
        static LOG: Import = Import::new("ferraio._cold", "log_transport");
        if self.endpoint().event_loop.get().is_some_and(|event_loop| event_loop.debug()) {
            LOG.get()?.call([&Obj::str(text)?, self.obj()])?;
        }
        Ok(())
    }

    /// Something was written after the end: whoever keeps on doing that is warned.
    #[cold]
    pub(super) fn count_lost_write(&self) -> Result<()> {
        static LOG: Import = Import::new("ferraio._cold", "log_lost_write");
        let count = self.endpoint().lost_writes.get();
        self.endpoint().lost_writes.set(count.saturating_add(1));
        LOG.get()?.call([&Obj::int(count.into())?]).map(drop)
    }
}
