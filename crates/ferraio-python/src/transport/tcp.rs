//! The transport of a stream socket: its state, and how a connection begins and ends.
//!
//! It behaves as `asyncio.selector_events._SelectorSocketTransport` of the running version does, and its class is made
//! over `asyncio.transports._FlowControlMixin`, so that `isinstance` holds. Slots of that Python class stay unused: what
//! is in them in asyncio are attributes here. Programs get a Python subclass, which has a `__dict__`.
//!
//! A transport goes through [`Phase`]s, only forward. `close()` leads from Open to Closing while bytes wait to be sent, and
//! from there, or at once, to Lost: `connection_lost` is scheduled or was called. The fd is registered with the loop when
//! reading (or waiting to write) begins, and forgotten in phase Lost, always before the socket is closed.

use std::cell::{Cell, RefCell};

use ferraio_core::reactor::Key;
use ferraio_core::send_queue::SendQueue;
use ferraio_core::socket;

use super::writing::Chunk;
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Target, call_soon_any};
use crate::ffi::coroutine::{copy_context, in_context};
use crate::ffi::{Class, ClassCell, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, exception};
use crate::imports::{self as py};

/// How far the connection has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// In use.
    Open,
    /// `close()` was called; what waits to be sent is sent first.
    Closing,
    /// `connection_lost` is scheduled, or was called.
    Lost,
}

/// How the protocol takes what is received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// `data_received(bytes)`.
    Data,
    /// The same, by the protocol of streams, whose method is in Rust.
    Stream,
    /// `get_buffer()` and `buffer_updated()`.
    Buffer,
    /// The same, by our protocol for TLS, which takes it from the loop's buffer.
    Tls,
}

/// A transport.
pub struct SocketTransport {
    /// The loop; empty before `__init__`, and after `connection_lost`.
    pub(super) event_loop: Slot<Own<EventLoop>>,
    /// The socket; empty before `__init__`, and after `connection_lost`.
    pub(super) sock: Slot,
    pub(super) protocol: Slot,
    /// The server that has accepted the connection.
    pub(super) server: Slot,
    /// What `get_extra_info` knows: a dict.
    pub(super) extra: Slot,
    /// In which the protocol is told of what is received.
    pub(super) context: Slot,
    /// The future that `sendfile` waits for: nothing waits to be sent.
    pub(super) empty_waiter: Slot,
    /// (low, high), if somebody has set them.
    pub(super) limits: Slot,
    /// What waits to be sent.
    pub(super) queue: RefCell<SendQueue<Chunk>>,
    /// The registration of the fd with the loop.
    pub(super) key: Cell<Option<Key>>,
    pub(super) fd: Cell<i32>,
    pub(super) phase: Cell<Phase>,
    pub(super) delivery: Cell<Delivery>,
    /// Room to be made for what is received next; 0: not known, or not much.
    pub(super) expected: Cell<usize>,
    /// Has the instance methods of its own?
    pub(super) is_patched: Cell<bool>,
    /// Is a context given, in which everything is to run?
    pub(super) context_is_given: Cell<bool>,
    /// Was there ever a protocol?
    pub(super) protocol_is_connected: Cell<bool>,
    /// `pause_reading()` was called.
    pub(super) paused: Cell<bool>,
    /// The loop watches the fd for reading.
    pub(super) reads: Cell<bool>,
    /// The loop watches the fd for writing.
    pub(super) writes: Cell<bool>,
    /// `write_eof()` was called.
    pub(super) eof: Cell<bool>,
    /// `pause_writing()` of the protocol was called.
    pub(super) protocol_is_paused: Cell<bool>,
    /// In phase Lost: how many writes came too late, and one.
    pub(super) lost_writes: Cell<u32>,
    /// The protocol is to pause when more bytes wait than this…
    pub(super) high_water: Cell<usize>,
    /// … and to resume when no more than this wait.
    pub(super) low_water: Cell<usize>,
}

/// More waiting bytes than this pause the protocol, unless a program sets limits of its own.
pub(super) const HIGH_WATER: usize = 64 * 1024;

pub(super) static CELL: ClassCell = ClassCell::new();

/// The methods that streams bypass, unless somebody overrides them.
pub(super) static HOOKS: Hooks<2> = Hooks::new([Name::new("write"), Name::new("is_closing")]);

static ATTACH: Name = Name::new("_attach");
static DETACH: Name = Name::new("_detach");
static CONNECTION_MADE: Name = Name::new("connection_made");
static CONNECTION_LOST: Name = Name::new("connection_lost");
static CALL_CONNECTION_LOST: Name = Name::new("_call_connection_lost");
static START_READING: Name = Name::new("_start_reading");
static FILENO: Name = Name::new("fileno");

impl Class for SocketTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.SocketTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for stream sockets.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const NEW: Option<fn() -> Self> = Some(SocketTransport::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        for slot in self.slots() {
            slot.visit(visit);
        }
    }

    fn clear(&self) {
        self.event_loop.clear();
        for slot in self.slots() {
            slot.clear();
        }
    }

    fn needs_finalizer(&self) -> bool {
        self.sock.is_some()
    }

    fn finalize(this: &Own<Self>) {
        this.abandon();
    }
}

impl SocketTransport {
    fn uninitialised() -> Self {
        SocketTransport {
            event_loop: Slot::empty(),
            sock: Slot::empty(),
            protocol: Slot::empty(),
            server: Slot::empty(),
            extra: Slot::empty(),
            context: Slot::empty(),
            empty_waiter: Slot::empty(),
            limits: Slot::empty(),
            queue: RefCell::default(),
            key: Cell::new(None),
            fd: Cell::new(-1),
            phase: Cell::new(Phase::Open),
            delivery: Cell::new(Delivery::Data),
            expected: Cell::new(0),
            is_patched: Cell::new(false),
            context_is_given: Cell::new(false),
            protocol_is_connected: Cell::new(false),
            paused: Cell::new(false),
            reads: Cell::new(false),
            writes: Cell::new(false),
            eof: Cell::new(false),
            protocol_is_paused: Cell::new(false),
            lost_writes: Cell::new(0),
            high_water: Cell::new(HIGH_WATER),
            low_water: Cell::new(HIGH_WATER / 4),
        }
    }

    /// The objects it holds, apart from the loop.
    fn slots(&self) -> [&Slot; 7] {
        [&self.sock, &self.protocol, &self.server, &self.extra, &self.context, &self.empty_waiter, &self.limits]
    }

    /// Was `close()` called, or is the connection lost?
    #[inline(always)]
    pub fn is_closing(&self) -> bool {
        self.phase.get() != Phase::Open
    }

    /// The loop, while there is a connection.
    pub(super) fn event_loop(&self) -> Result<Own<EventLoop>> {
        self.event_loop.get().ok_or_else(|| Error::runtime("the transport is not connected"))
    }
}

/// What a transport is made of.
pub(super) struct Connection<'a> {
    pub event_loop: &'a Own<EventLoop>,
    pub sock: &'a Obj,
    pub protocol: &'a Obj,
    /// A future to be woken when the protocol knows of the connection.
    pub waiter: Option<Obj>,
    /// What `get_extra_info` is to know beside the socket.
    pub extra: Option<Obj>,
    pub server: Option<Obj>,
    pub context: Option<Obj>,
}

impl Own<SocketTransport> {
    /// Are the methods that streams bypass the original ones?
    #[inline(always)]
    pub fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// Takes over the socket: what `__init__` does.
    pub(super) fn begin(&self, connection: Connection<'_>) -> Result<()> {
        let Connection { event_loop, sock, protocol, waiter, extra, server, context } = connection;
        self.extra.set(extra_info(sock, extra)?);
        let fd = sock.call_method(&FILENO, [])?.as_i64()? as i32;
        self.fd.set(fd);
        self.event_loop.set(event_loop.clone());
        self.set_protocol(protocol)?;
        self.sock.set(sock.clone());
        if let Some(server) = server {
            if cfg!(Py_3_13) {
                server.call_method(&ATTACH, [self.obj()])?;
            } else {
                server.call_method(&ATTACH, [])?;
            }
            self.server.set(server);
        }
        event_loop.add_transport(fd, self.obj())?;
        // Whatever is not TCP refuses the option, and does not need it.
        if let Err(error) = socket::set_nodelay(fd)
            && error.raw_os_error() == Some(libc::EBADF)
        {
            return Err(Error::from(error).raise());
        }
        self.context_is_given.set(context.is_some());
        self.context.set(context.map_or_else(copy_context, Ok)?);

        self.call_soon(&protocol.attr(&CONNECTION_MADE)?, Some(self.obj()))?;
        // Reading starts, and the waiter wakes, when the protocol knows of the connection.
        self.call_soon(&self.obj().attr(&START_READING)?, None)?;
        if let Some(waiter) = waiter {
            static WAKE: Import = Import::new("ferraio._cold", "wake_waiter");
            self.call_soon(WAKE.get()?, Some(&waiter))?;
        }
        Ok(())
    }

    /// `loop.call_soon(callback, argument)`, in the given context if there is one.
    fn call_soon(&self, callback: &Obj, argument: Option<&Obj>) -> Result<()> {
        let event_loop = self.event_loop()?;
        let context = match self.context.get() {
            Some(context) if self.context_is_given.get() => context,
            _ => copy_context()?,
        };
        call_soon_any(event_loop.obj(), callback, argument, &context)
    }

    /// The fd is ready: runs in the transport's context.
    #[inline]
    pub fn ready(&self, direction: Direction) -> Result<()> {
        let Some(context) = self.context.get() else { return Ok(()) };
        in_context(&context, || match direction {
            Direction::Read => self.read_ready(),
            Direction::Write => self.write_ready(),
        })
    }

    /// What asyncio would have in a handle for the direction, and the context it would run in.
    pub fn callback(&self, direction: Direction) -> Result<(Obj, Option<Obj>)> {
        static READ_READY: Name = Name::new("_read_ready");
        static WRITE_READY: Name = Name::new("_write_ready");
        let name = match direction {
            Direction::Read => &READ_READY,
            Direction::Write => &WRITE_READY,
        };
        Ok((self.obj().attr(name)?, self.context.get()))
    }

    /// Begins to watch the fd, or stops; lazily, once the fd is registered.
    pub(super) fn watch(&self, direction: Direction, on: bool) -> Result<()> {
        let flag = match direction {
            Direction::Read => &self.reads,
            Direction::Write => &self.writes,
        };
        if flag.get() == on {
            return Ok(());
        }
        let event_loop = self.event_loop()?;
        let target = on.then(|| Target::Transport(self.clone()));
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

    /// `close()`: sends what waits to be sent, then the connection is lost.
    pub(super) fn close(&self) -> Result<()> {
        if self.is_closing() {
            return Ok(());
        }
        if self.queue.borrow().is_empty() {
            return self.lose(&Obj::none());
        }
        self.phase.set(Phase::Closing);
        self.watch(Direction::Read, false)
    }

    /// Ends the connection at once; what waits to be sent is dropped.
    pub(super) fn force_close(&self, error: &Obj) -> Result<()> {
        if self.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.drop_queue();
        self.lose(error)
    }

    /// Schedules `connection_lost`.
    fn lose(&self, error: &Obj) -> Result<()> {
        self.phase.set(Phase::Lost);
        self.lost_writes.set(1);
        self.forget_fd();
        self.call_soon(&self.obj().attr(&CALL_CONNECTION_LOST)?, Some(error))
    }

    /// All is sent after `close()`: the protocol is told at once.
    pub(super) fn finish_closing(&self) -> Result<()> {
        self.phase.set(Phase::Lost);
        self.lost_writes.set(1);
        self.forget_fd();
        self.call_connection_lost(&Obj::none())
    }

    /// Tells the protocol that the connection is over, and lets go of everything.
    pub(super) fn call_connection_lost(&self, error: &Obj) -> Result<()> {
        let told = match self.protocol.get() {
            Some(protocol) if self.protocol_is_connected.get() => {
                protocol.call_method(&CONNECTION_LOST, [error]).map(drop)
            }
            _ => Ok(()),
        };
        // What follows happens in any case; an exception of the protocol is passed on afterwards.
        let raised = told.err().map(Raised::take);
        let outcome = self.let_go();
        match raised {
            Some(raised) => {
                if let Err(other) = outcome {
                    other.clear();
                }
                Err(Raised::exception(raised))
            }
            None => outcome,
        }
    }

    fn let_go(&self) -> Result<()> {
        self.forget_fd();
        self.drop_queue();
        let closed = self.sign_off().and(self.close_socket());
        self.protocol.clear();
        self.event_loop.clear();
        self.context.clear();
        let detached = self.detach_from_server();
        closed?;
        detached?;
        if let Some(waiter) = self.empty_waiter.get() {
            static FAIL: Import = Import::new("ferraio._cold", "fail_empty_waiter");
            FAIL.get()?.call([&waiter])?;
        }
        Ok(())
    }

    fn close_socket(&self) -> Result<()> {
        match self.sock.take() {
            Some(sock) => sock.call_method(&py::CLOSE, []).map(drop),
            None => Ok(()),
        }
    }

    fn detach_from_server(&self) -> Result<()> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let arguments = Obj::tuple_from(cfg!(Py_3_13).then(|| self.obj().clone()).into_iter())?;
        server.attr(&DETACH)?.call_slice(arguments.tuple_items()).map(drop)
    }

    /// Nobody refers to an open transport any more: warns, and closes the socket.
    fn abandon(&self) {
        static WARN: Import = Import::new("ferraio._cold", "warn_unclosed");
        let warned = WARN.get().and_then(|warn| warn.call([self.obj()]));
        if warned.is_err() {
            self.obj().write_unraisable();
        }
        self.forget_fd();
        if self.sign_off().and_then(|()| self.close_socket()).is_err() {
            self.obj().write_unraisable();
        }
        if cfg!(Py_3_13) && self.detach_from_server().is_err() {
            self.obj().write_unraisable();
        }
    }

    /// Something went wrong: reports it (errors of the system only in debug mode), and ends the connection.
    #[cold]
    pub(super) fn fatal_error(&self, error: &Obj, message: &str) -> Result<()> {
        let event_loop = self.event_loop()?;
        if !error.is_real_instance(&exception::os_error()) {
            self.report(&event_loop, error, message)?;
        } else if event_loop.debug() {
            static LOG: Import = Import::new("ferraio._cold", "log_transport_error");
            LOG.get()?.call([self.obj(), &Obj::str(message)?, error])?;
        }
        self.force_close(error)
    }

    /// The same for an exception that is set; one that stops the loop is passed on.
    #[cold]
    pub(super) fn fatal(&self, raised: Raised, message: &str) -> Result<()> {
        if raised.stops_the_loop() {
            return Err(raised);
        }
        self.fatal_error(&raised.take(), message)
    }

    /// Tells the loop's exception handler.
    pub(super) fn report(&self, event_loop: &Own<EventLoop>, error: &Obj, message: &str) -> Result<()> {
        let context = Obj::dict()?;
        context.dict_set(py::MESSAGE.obj(), &Obj::str(message)?)?;
        context.dict_set(py::EXCEPTION.obj(), error)?;
        context.dict_set(py::TRANSPORT.obj(), self.obj())?;
        context.dict_set(py::PROTOCOL.obj(), &self.protocol.get_or_none())?;
        event_loop.obj().call_method(&py::CALL_EXCEPTION_HANDLER, [&context]).map(drop)
    }
}

/// The dict of `get_extra_info`: what is given, and what the socket knows.
pub(super) fn extra_info(sock: &Obj, given: Option<Obj>) -> Result<Obj> {
    static TRANSPORT_SOCKET: Import = Import::new("asyncio.trsock", "TransportSocket");
    static SOCKET: Name = Name::new("socket");
    static SOCKNAME: Name = Name::new("sockname");
    static PEERNAME: Name = Name::new("peername");
    static GETSOCKNAME: Name = Name::new("getsockname");
    static GETPEERNAME: Name = Name::new("getpeername");
    let name = |method: &Name| match sock.call_method(method, []) {
        Err(raised) if raised.matches(&exception::os_error()) => {
            raised.clear();
            Ok(Obj::none())
        }
        outcome => outcome,
    };
    let extra = given.map_or_else(Obj::dict, Ok)?;
    extra.dict_set(SOCKET.obj(), &TRANSPORT_SOCKET.get()?.call([sock])?)?;
    extra.dict_set(SOCKNAME.obj(), &name(&GETSOCKNAME)?)?;
    if extra.dict_get(PEERNAME.obj())?.is_none() {
        extra.dict_set(PEERNAME.obj(), &name(&GETPEERNAME)?)?;
    }
    Ok(extra)
}
