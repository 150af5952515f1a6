//! The transport of a datagram socket: its state, and how it begins and ends.
//!
//! It behaves as `asyncio.selector_events._SelectorDatagramTransport` of the running version does. UDP and Unix sockets
//! are read and written by system calls of ours; for other families (netlink, packets, …), whose addresses only the
//! socket object knows, its own `recvfrom` and `sendto` are called.
//!
//! | file | what |
//! |---|---|
//! | `receiving.rs`, `sending.rs` | datagrams in and out |
//! | `class.rs` | what Python sees |

mod class;
mod receiving;
mod sending;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use ferraio_core::reactor::Key;

pub use self::class::make_class;
use super::flow_control::FlowControl;
use super::tcp::extra_info;
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Target, call_soon_any};
use crate::ffi::coroutine::{copy_context, in_context};
use crate::ffi::socket_address::Family;
use crate::ffi::{Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, exception};
use crate::imports::{self as py};

/// A transport.
pub struct DatagramTransport {
    /// The loop; empty before `__init__`, and after `connection_lost`.
    event_loop: Slot<Own<EventLoop>>,
    /// The socket; empty before `__init__`, and after `connection_lost`.
    sock: Slot,
    protocol: Slot,
    /// What `get_extra_info` knows: a dict.
    extra: Slot,
    /// In which the protocol is told of what is received.
    context: Slot,
    /// The only address that may be sent to, if one was given.
    remote: Slot,
    /// What the kernel did not take: `bytes`, and where to.
    queue: RefCell<VecDeque<(Obj, Obj)>>,
    /// What waits counts as so many bytes.
    queued: Cell<usize>,
    flow: FlowControl,
    /// `None`: only the socket object can read and write its addresses.
    family: Cell<Option<Family>>,
    /// The registration of the fd with the loop.
    key: Cell<Option<Key>>,
    fd: Cell<i32>,
    phase: Cell<Phase>,
    /// The kernel knows where to send.
    is_connected: Cell<bool>,
    /// `pause_reading()` was called.
    paused: Cell<bool>,
    /// The loop watches the fd for reading.
    reads: Cell<bool>,
    /// The loop watches the fd for writing.
    writes: Cell<bool>,
    /// How many datagrams to ask for when there are some.
    at_once: Cell<u8>,
    /// For how long no more than that are asked for.
    patience: Cell<u8>,
    /// After the end: how many datagrams came too late, and one.
    lost_writes: Cell<u32>,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// In use.
    Open,
    /// `close()` was called; what waits to be sent is sent first.
    Closing,
    /// `connection_lost` is scheduled, or was called.
    Lost,
}

static CELL: ClassCell = ClassCell::new();

static CONNECTION_MADE: Name = Name::new("connection_made");
static CONNECTION_LOST: Name = Name::new("connection_lost");
static CALL_CONNECTION_LOST: Name = Name::new("_call_connection_lost");
static START_READING: Name = Name::new("_start_reading");
static ERROR_RECEIVED: Name = Name::new("error_received");

impl Class for DatagramTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.DatagramTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for datagram sockets.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const NEW: Option<fn() -> Self> = Some(DatagramTransport::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        for slot in self.slots() {
            slot.visit(visit);
        }
        for (_, address) in self.queue.borrow().iter() {
            visit.object(address);
        }
    }

    fn clear(&self) {
        self.event_loop.clear();
        for slot in self.slots() {
            slot.clear();
        }
        drop(self.queue.take());
    }

    fn needs_finalizer(&self) -> bool {
        self.sock.is_some()
    }

    fn finalize(this: &Own<Self>) {
        this.abandon();
    }
}

impl DatagramTransport {
    fn uninitialised() -> Self {
        DatagramTransport {
            event_loop: Slot::empty(),
            sock: Slot::empty(),
            protocol: Slot::empty(),
            extra: Slot::empty(),
            context: Slot::empty(),
            remote: Slot::empty(),
            queue: RefCell::default(),
            queued: Cell::new(0),
            flow: FlowControl::new(),
            family: Cell::new(None),
            key: Cell::new(None),
            fd: Cell::new(-1),
            phase: Cell::new(Phase::Open),
            is_connected: Cell::new(false),
            paused: Cell::new(false),
            reads: Cell::new(false),
            writes: Cell::new(false),
            at_once: Cell::new(1),
            patience: Cell::new(0),
            lost_writes: Cell::new(0),
        }
    }

    /// The objects it holds, apart from the loop.
    fn slots(&self) -> [&Slot; 6] {
        [&self.sock, &self.protocol, &self.extra, &self.context, &self.remote, &self.flow.limits]
    }

    fn is_closing(&self) -> bool {
        self.phase.get() != Phase::Open
    }

    fn is_reading(&self) -> bool {
        !self.is_closing() && !self.paused.get()
    }

    fn event_loop(&self) -> Result<Own<EventLoop>> {
        self.event_loop.get().ok_or_else(|| Error::runtime("the transport has no socket"))
    }
}

impl Own<DatagramTransport> {
    /// Takes over the socket: what `__init__` does.
    fn begin(
        &self,
        event_loop: &Own<EventLoop>,
        sock: &Obj,
        protocol: &Obj,
        [remote, waiter, extra]: [Option<Obj>; 3],
    ) -> Result<()> {
        static FILENO: Name = Name::new("fileno");
        static FAMILY: Name = Name::new("family");
        static PEERNAME: Name = Name::new("peername");
        let extra = extra_info(sock, extra)?;
        self.is_connected.set(extra.dict_get(PEERNAME.obj())?.is_some_and(|peername| !peername.is_none()));
        self.extra.set(extra);
        let fd = sock.call_method(&FILENO, [])?.as_i64()? as i32;
        self.fd.set(fd);
        self.family.set(Family::from_number(sock.attr(&FAMILY)?.as_i64()?));
        if let Some(remote) = remote {
            self.remote.set(remote);
        }
        self.event_loop.set(event_loop.clone());
        self.protocol.set(protocol.clone());
        self.sock.set(sock.clone());
        event_loop.add_transport(fd, self.obj())?;
        self.context.set(copy_context()?);

        self.call_soon(&protocol.attr(&CONNECTION_MADE)?, Some(self.obj()))?;
        // Reading starts, and the waiter wakes, when the protocol knows of the transport.
        self.call_soon(&self.obj().attr(&START_READING)?, None)?;
        if let Some(waiter) = waiter {
            static WAKE: Import = Import::new("ferraio._cold", "wake_waiter");
            self.call_soon(WAKE.get()?, Some(&waiter))?;
        }
        Ok(())
    }

    fn call_soon(&self, callback: &Obj, argument: Option<&Obj>) -> Result<()> {
        call_soon_any(self.event_loop()?.obj(), callback, argument, &copy_context()?)
    }

    /// The fd is ready: runs in the transport's context.
    #[inline]
    pub fn ready(&self, direction: Direction) -> Result<()> {
        let Some(context) = self.context.get() else { return Ok(()) };
        in_context(&context, || match direction {
            Direction::Read => self.read_ready(),
            Direction::Write => self.send_ready(),
        })
    }

    /// What asyncio would have in a handle for the direction, and the context it would run in.
    pub fn callback(&self, direction: Direction) -> Result<(Obj, Option<Obj>)> {
        static READ_READY: Name = Name::new("_read_ready");
        static SENDTO_READY: Name = Name::new("_sendto_ready");
        let name = match direction {
            Direction::Read => &READ_READY,
            Direction::Write => &SENDTO_READY,
        };
        Ok((self.obj().attr(name)?, self.context.get()))
    }

    /// Begins to watch the fd, or stops; lazily, once the fd is registered.
    fn watch(&self, direction: Direction, on: bool) -> Result<()> {
        let flag = match direction {
            Direction::Read => &self.reads,
            Direction::Write => &self.writes,
        };
        if flag.get() == on {
            return Ok(());
        }
        let event_loop = self.event_loop()?;
        let target = on.then(|| Target::Datagram(self.clone()));
        match (self.key.get(), target) {
            (Some(key), target) => event_loop.set_target(key, direction, target),
            (None, Some(target)) => self.key.set(Some(event_loop.adopt(self.fd.get(), direction, target)?)),
            (None, None) => {}
        }
        flag.set(on);
        Ok(())
    }

    /// The loop's list of transports has this one no more.
    fn sign_off(&self) -> Result<()> {
        match self.event_loop.get() {
            Some(event_loop) => event_loop.remove_transport(self.fd.get(), self.obj()),
            None => Ok(()),
        }
    }

    /// The fd is not watched any more, and may be closed.
    fn forget_fd(&self) {
        self.reads.set(false);
        self.writes.set(false);
        if let (Some(key), Some(event_loop)) = (self.key.take(), self.event_loop.get()) {
            event_loop.forget(key);
        }
    }

    /// `close()`: sends what waits to be sent, then it is over.
    fn close(&self) -> Result<()> {
        if self.is_closing() {
            return Ok(());
        }
        if self.queue.borrow().is_empty() {
            return self.lose(&Obj::none());
        }
        self.phase.set(Phase::Closing);
        self.watch(Direction::Read, false)
    }

    /// Ends it at once; what waits to be sent is dropped.
    fn force_close(&self, error: &Obj) -> Result<()> {
        if self.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.drop_queue();
        self.lose(error)
    }

    fn drop_queue(&self) {
        let queue = self.queue.take();
        self.queued.set(0);
        drop(queue);
    }

    /// Schedules `connection_lost`.
    fn lose(&self, error: &Obj) -> Result<()> {
        self.phase.set(Phase::Lost);
        self.lost_writes.set(1);
        self.forget_fd();
        self.call_soon(&self.obj().attr(&CALL_CONNECTION_LOST)?, Some(error))
    }

    /// All is sent after `close()`: the protocol is told at once.
    fn finish_closing(&self) -> Result<()> {
        self.phase.set(Phase::Lost);
        self.lost_writes.set(1);
        self.forget_fd();
        self.call_connection_lost(&Obj::none())
    }

    /// Tells the protocol that it is over, and lets go of everything.
    fn call_connection_lost(&self, error: &Obj) -> Result<()> {
        let told = match self.protocol.get() {
            Some(protocol) => protocol.call_method(&CONNECTION_LOST, [error]).map(drop),
            None => Ok(()),
        };
        // What follows happens in any case; an exception of the protocol is passed on afterwards.
        let raised = told.err().map(Raised::take);
        self.forget_fd();
        self.drop_queue();
        let closed = self.sign_off().and(self.close_socket());
        self.protocol.clear();
        self.event_loop.clear();
        self.context.clear();
        match (raised, closed) {
            (None, closed) => closed,
            (Some(raised), closed) => {
                if let Err(other) = closed {
                    other.clear();
                }
                Err(Raised::exception(raised))
            }
        }
    }

    fn close_socket(&self) -> Result<()> {
        match self.sock.take() {
            Some(sock) => sock.call_method(&py::CLOSE, []).map(drop),
            None => Ok(()),
        }
    }

    /// Nobody refers to an open transport any more: warns, and closes the socket.
    fn abandon(&self) {
        static WARN: Import = Import::new("ferraio._cold", "warn_unclosed");
        if WARN.get().and_then(|warn| warn.call([self.obj()])).is_err() {
            self.obj().write_unraisable();
        }
        self.forget_fd();
        if self.sign_off().and_then(|()| self.close_socket()).is_err() {
            self.obj().write_unraisable();
        }
    }

    /// Something is wrong with the datagram: errors of the system are the protocol's, others end the transport.
    #[cold]
    fn failed(&self, raised: Raised, message: &str) -> Result<()> {
        if raised.stops_the_loop() {
            return Err(raised);
        }
        let is_os_error = raised.matches(&exception::os_error());
        let error = raised.take();
        if is_os_error {
            return match self.protocol.get() {
                Some(protocol) => protocol.call_method(&ERROR_RECEIVED, [&error]).map(drop),
                None => Ok(()),
            };
        }
        self.fatal_error(&error, message)
    }

    /// Reports what went wrong (errors of the system only in debug mode), and ends the transport.
    #[cold]
    fn fatal_error(&self, error: &Obj, message: &str) -> Result<()> {
        let event_loop = self.event_loop()?;
        if !error.is_real_instance(&exception::os_error()) {
            self.report(&event_loop, error, message)?;
        } else if event_loop.debug() {
            static LOG: Import = Import::new("ferraio._cold", "log_transport_error");
            LOG.get()?.call([self.obj(), &Obj::str(message)?, error])?;
        }
        self.force_close(error)
    }

    /// Tells the loop's exception handler.
    fn report(&self, event_loop: &Own<EventLoop>, error: &Obj, message: &str) -> Result<()> {
        let context = Obj::dict()?;
        context.dict_set(py::MESSAGE.obj(), &Obj::str(message)?)?;
        context.dict_set(py::EXCEPTION.obj(), error)?;
        context.dict_set(py::TRANSPORT.obj(), self.obj())?;
        context.dict_set(py::PROTOCOL.obj(), &self.protocol.get_or_none())?;
        event_loop.obj().call_method(&py::CALL_EXCEPTION_HANDLER, [&context]).map(drop)
    }
}
