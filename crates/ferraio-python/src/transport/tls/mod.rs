//! TLS: the protocol between a transport and a program, and the transport that the program sees.
//!
//! Both are asyncio's own classes of `asyncio.sslproto`, with their hot halves in Rust: `ferraio._tls.SSLProtocol` is made
//! over [`TlsProtocol`] and asyncio's `SSLProtocol`. Handshake, shutdown, timeouts and what is told to whom in which state
//! are asyncio's code of the running Python, which reads and writes our fields as its attributes. In Rust is what happens
//! for each message: received bytes to plain ones, and written bytes to the transport below.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the protocol's state |
//! | `engine.rs` | who decrypts and encrypts: OpenSSL itself, or Python's objects |
//! | `reading.rs` | from the transport below to the program |
//! | `writing.rs` | from the program to the transport below, and flow control |
//! | `class.rs` | what Python sees of the protocol |
//! | `app_transport.rs` | the transport that the program sees |

mod app_transport;
mod class;
mod engine;
mod reading;
mod writing;

use std::cell::{Cell, OnceCell};

pub use app_transport::make_class as make_transport_class;
pub use class::make_class as make_protocol_class;
pub use engine::prefer as prefer_engine;

use crate::ffi::tls_connection::TlsConnection;
use crate::ffi::{Class, ClassCell, Hooks, Name, Obj, Own, Raised, Result, Slot, Visit, exception};

/// How far the connection has come: asyncio's `SSLProtocolState`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unwrapped,
    Handshake,
    Wrapped,
    Flushing,
    Shutdown,
}

/// How the program takes what is received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// `data_received(bytes)`.
    Data,
    /// The same, by the protocol of streams, whose method is in Rust.
    Stream,
    /// `get_buffer()` and `buffer_updated()`.
    Buffer,
}

/// The protocol.
pub struct TlsProtocol {
    event_loop: Slot,
    app_protocol: Slot,
    /// Bound methods of the program's protocol, if it takes what is received into memory of its own.
    get_buffer: Slot,
    buffer_updated: Slot,
    /// The transport below.
    transport: Slot,
    /// The `ssl.SSLObject`.
    ssl_object: Slot,
    /// The `ssl.MemoryBIO`s of which it was made. During the handshake, and without OpenSSL, all bytes go through them.
    incoming: Slot,
    outgoing: Slot,
    /// What is written and not encrypted yet: a deque.
    backlog: Slot,
    /// How many bytes these are.
    backlog_size: Cell<usize>,
    /// Drives OpenSSL itself, from the end of the handshake on, where that can be done.
    connection: OnceCell<TlsConnection>,
    /// The state, as asyncio has it.
    state_object: Slot,
    state: Cell<State>,
    delivery: Cell<Delivery>,
    /// The transport below has told us to pause writing.
    ssl_writing_paused: Cell<bool>,
    /// The program wants nothing to be received.
    app_reading_paused: Cell<bool>,
    /// We have told the transport below to pause reading.
    ssl_reading_paused: Cell<bool>,
    /// We have told the program to pause writing.
    app_writing_paused: Cell<bool>,
    /// More than this was received and not read: the transport below is to pause.
    incoming_high: Limit,
    incoming_low: Limit,
    /// More than this is to be sent and cannot: the program is to pause.
    outgoing_high: Limit,
    outgoing_low: Limit,
    /// How many writes came after the end; `connection_lost` counts as one.
    lost_writes: Cell<u32>,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

/// A limit for flow control: what a program has given, and its value.
struct Limit {
    given: Slot,
    value: Cell<f64>,
}

impl Limit {
    const fn zero() -> Self {
        Limit { given: Slot::empty(), value: Cell::new(0.0) }
    }
}

static CELL: ClassCell = ClassCell::new();

/// The methods that our transport bypasses, unless somebody overrides them.
static HOOKS: Hooks<2> = Hooks::new([Name::new("get_buffer"), Name::new("buffer_updated")]);

impl Class for TlsProtocol {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.TlsProtocol";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's SSLProtocol.";
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(TlsProtocol::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        for slot in self.slots() {
            slot.visit(visit);
        }
        if let Some(connection) = self.connection.get() {
            visit.object(connection.owner());
        }
    }

    fn clear(&self) {
        for slot in self.slots() {
            slot.clear();
        }
    }
}

impl TlsProtocol {
    fn uninitialised() -> Self {
        TlsProtocol {
            event_loop: Slot::empty(),
            app_protocol: Slot::empty(),
            get_buffer: Slot::empty(),
            buffer_updated: Slot::empty(),
            transport: Slot::empty(),
            ssl_object: Slot::empty(),
            incoming: Slot::empty(),
            outgoing: Slot::empty(),
            backlog: Slot::empty(),
            backlog_size: Cell::new(0),
            connection: OnceCell::new(),
            state_object: Slot::empty(),
            state: Cell::new(State::Unwrapped),
            delivery: Cell::new(Delivery::Data),
            ssl_writing_paused: Cell::new(false),
            app_reading_paused: Cell::new(false),
            ssl_reading_paused: Cell::new(false),
            app_writing_paused: Cell::new(false),
            incoming_high: Limit::zero(),
            incoming_low: Limit::zero(),
            outgoing_high: Limit::zero(),
            outgoing_low: Limit::zero(),
            lost_writes: Cell::new(0),
            is_patched: Cell::new(false),
        }
    }

    /// The objects it holds, apart from those of the connection.
    fn slots(&self) -> [&Slot; 14] {
        [
            &self.event_loop,
            &self.app_protocol,
            &self.get_buffer,
            &self.buffer_updated,
            &self.transport,
            &self.ssl_object,
            &self.incoming,
            &self.outgoing,
            &self.backlog,
            &self.state_object,
            &self.incoming_high.given,
            &self.incoming_low.given,
            &self.outgoing_high.given,
            &self.outgoing_low.given,
        ]
    }
}

impl Own<TlsProtocol> {
    /// Are the methods that our transport bypasses the original ones?
    #[inline(always)]
    pub fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// What asyncio does in `except Exception`: ends the connection. Anything else is passed on.
    #[cold]
    fn fatal(&self, raised: Raised) -> Result<()> {
        static FATAL_ERROR: Name = Name::new("_fatal_error");
        if !raised.matches(&exception::exception()) {
            return Err(raised);
        }
        let error = raised.take();
        self.obj().call_method(&FATAL_ERROR, [&error, &Obj::str("Fatal error on SSL protocol")?]).map(drop)
    }
}
