//! The transport of a stream socket: what it has beside its [`Endpoint`], and how a connection begins and ends.
//!
//! It behaves as `asyncio.selector_events._SelectorSocketTransport` of the running version does, and its class is made
//! over `asyncio.transports._FlowControlMixin`, so that `isinstance` holds. Slots of that Python class stay unused: what
//! is in them in asyncio are attributes here. Programs get a Python subclass, which has a `__dict__`.

use std::cell::{Cell, RefCell};

use ferraio_core::send_queue::SendQueue;
use ferraio_core::socket;

use super::endpoint::{Endpoint, Transport};
use super::server;
use super::writing::Chunk;
use crate::error::Error;
use crate::event_loop::{EventLoop, Target};
use crate::ffi::coroutine::copy_context;
use crate::ffi::{Class, ClassCell, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit};

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
    pub(super) endpoint: Endpoint,
    /// The server that has accepted the connection.
    pub(super) server: Slot,
    /// The future that `sendfile` waits for: nothing waits to be sent.
    pub(super) empty_waiter: Slot,
    /// What waits to be sent.
    pub(super) queue: RefCell<SendQueue<Chunk>>,
    pub(super) delivery: Cell<Delivery>,
    /// Room to be made for what is received next; 0: not known, or not much.
    pub(super) expected: Cell<usize>,
    /// Has the instance methods of its own?
    pub(super) is_patched: Cell<bool>,
    /// Is a context given, in which everything is to run?
    context_is_given: Cell<bool>,
    /// Was there ever a protocol?
    pub(super) protocol_is_connected: Cell<bool>,
    /// `write_eof()` was called.
    pub(super) eof: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();

/// The methods that streams and the loop bypass, unless somebody overrides them.
pub(super) static HOOKS: Hooks<4> = Hooks::new([
    Name::new("write"),
    Name::new("is_closing"),
    Name::new("_start_reading"),
    Name::new("_call_connection_lost"),
]);

impl Class for SocketTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.SocketTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for stream sockets.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(SocketTransport::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.endpoint.traverse(visit);
        self.server.visit(visit);
        self.empty_waiter.visit(visit);
    }

    fn clear(&self) {
        self.endpoint.clear();
        self.server.clear();
        self.empty_waiter.clear();
    }

    fn needs_finalizer(&self) -> bool {
        self.endpoint.has_socket()
    }

    fn finalize(this: &Own<Self>) {
        this.abandon();
    }
}

impl SocketTransport {
    pub(super) fn uninitialised() -> Self {
        SocketTransport {
            endpoint: Endpoint::uninitialised(),
            server: Slot::empty(),
            empty_waiter: Slot::empty(),
            queue: RefCell::default(),
            delivery: Cell::new(Delivery::Data),
            expected: Cell::new(0),
            is_patched: Cell::new(false),
            context_is_given: Cell::new(false),
            protocol_is_connected: Cell::new(false),
            eof: Cell::new(false),
        }
    }
}

impl Transport for SocketTransport {
    #[inline(always)]
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn target(this: Own<Self>) -> Target {
        Target::Transport(this)
    }

    #[inline(always)]
    fn is_drained(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    #[inline(always)]
    fn queued_bytes(&self) -> usize {
        self.queue.borrow().len()
    }

    fn drop_queue(&self) {
        let chunks = self.queue.borrow_mut().take_all();
        drop(chunks);
    }

    fn write_ready_name() -> &'static Name {
        static WRITE_READY: Name = Name::new("_write_ready");
        &WRITE_READY
    }

    #[inline(always)]
    fn read_ready(this: &Own<Self>) -> Result<()> {
        this.read_ready()
    }

    #[inline(always)]
    fn write_ready(this: &Own<Self>) -> Result<()> {
        this.write_ready()
    }

    fn plain_stream(this: &Own<Self>) -> Result<Option<Own<SocketTransport>>> {
        Ok(this.is_plain()?.then(|| this.clone()))
    }

    fn given_context(&self) -> Option<Obj> {
        if self.context_is_given.get() { self.endpoint.context.get() } else { None }
    }

    fn set_protocol(this: &Own<Self>, protocol: &Obj) -> Result<()> {
        this.set_protocol(protocol)
    }

    fn let_go(this: &Own<Self>, closed: Result<()>) -> Result<()> {
        // Python code runs now, which must not find an exception set.
        let closed = closed.map_err(Raised::take);
        let detached = this.detach_from_server();
        if let Err(error) = closed {
            if let Err(other) = detached {
                other.clear();
            }
            return Err(Raised::exception(error));
        }
        detached?;
        if let Some(waiter) = this.empty_waiter.get() {
            static FAIL: Import = Import::new("ferraio._cold", "fail_empty_waiter");
            FAIL.get()?.call([&waiter])?;
        }
        Ok(())
    }

    fn abandoned(this: &Own<Self>) {
        if cfg!(Py_3_13) && this.detach_from_server().is_err() {
            this.obj().write_unraisable();
        }
    }
}

/// What a transport is made of, beside its socket.
pub(super) struct Connection<'a> {
    pub event_loop: &'a Own<EventLoop>,
    pub protocol: &'a Obj,
    /// A future to be woken when the protocol knows of the connection.
    pub waiter: Option<Obj>,
    pub server: Option<Obj>,
    pub context: Option<Obj>,
}

impl Own<SocketTransport> {
    /// Are the methods that are bypassed the original ones?
    #[inline(always)]
    pub fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// Has a connection begin, whose socket is taken over: the rest of what `__init__` does.
    pub(super) fn begin(&self, connection: Connection<'_>) -> Result<()> {
        let Connection { event_loop, protocol, waiter, server, context } = connection;
        if let Some(server) = server {
            server::attach(&server, self.obj())?;
            self.server.set(server);
        }
        let fd = self.endpoint.fd.get();
        event_loop.add_transport(fd, self.obj())?;
        // Whatever is not TCP refuses the option, and does not need it.
        if let Err(error) = socket::set_nodelay(fd)
            && error.raw_os_error() == Some(libc::EBADF)
        {
            return Err(Error::from(error).raise());
        }
        self.context_is_given.set(context.is_some());
        self.endpoint.context.set(context.map_or_else(copy_context, Ok)?);
        self.introduce(protocol, waiter)
    }

    fn detach_from_server(&self) -> Result<()> {
        match self.server.take() {
            Some(server) => server::detach(&server, self.obj()),
            None => Ok(()),
        }
    }
}
