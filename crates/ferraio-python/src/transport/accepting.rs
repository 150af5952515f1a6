//! Accepting connections on the sockets of a server.
//!
//! asyncio makes a task for each connection, in which the protocol is made and the transport waits until the protocol
//! knows of it. A transport of ours has nothing to wait for, so here the protocol is made at once, in a context of its
//! own, and a connection costs no task and no socket object (`echo.connect_close` in the benches). What is unusual (TLS,
//! debug mode, sockets with an `accept` of their own, errors) goes asyncio's way.

use std::cell::Cell;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use ferraio_core::address::Address;
use ferraio_core::socket::{self, Io};

use super::endpoint::{Accepted, Kind};
use super::tcp::{Connection, SocketTransport};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::coroutine::{copy_context, in_context};
use crate::ffi::{Args, Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class};
use crate::imports::{self as py};
use crate::{method, slot};

/// What the loop calls when a listening socket has connections.
pub struct Acceptor {
    event_loop: Slot<Own<EventLoop>>,
    /// What asyncio's own `_accept_connection` takes: protocol_factory, sock, sslcontext, server, backlog, ….
    arguments: Slot,
    /// What the connections' sockets are.
    kind: Cell<Kind>,
    /// The context of the server, where there is one (3.15+).
    context: Slot,
    /// How many connections to ask for when there are some.
    at_once: Cell<usize>,
    /// For how long no more than that are asked for.
    patience: Cell<u8>,
}

/// For how long no more connections are accepted at once than the last time there were.
const PATIENCE: u8 = 16;

static CELL: ClassCell = ClassCell::new();

impl Class for Acceptor {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Acceptor";
    const DOC: &'static std::ffi::CStr = c"Accepts the connections of a listening socket.";
    const NEW: Option<fn() -> Self> = Some(Acceptor::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.arguments.visit(visit);
        self.context.visit(visit);
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.arguments.clear();
        self.context.clear();
    }
}

impl Acceptor {
    fn uninitialised() -> Self {
        Acceptor {
            event_loop: Slot::empty(),
            arguments: Slot::empty(),
            kind: Cell::default(),
            context: Slot::empty(),
            at_once: Cell::new(1),
            patience: Cell::new(0),
        }
    }
}

/// Who connects to what.
struct Serving<'a> {
    event_loop: &'a Own<EventLoop>,
    protocol_factory: &'a Obj,
    server: &'a Obj,
    kind: Kind,
}

impl Own<Acceptor> {
    /// Accepts as many connections as came the last time, and now and then some more; no more than the backlog.
    ///
    /// To ask for one more than there are costs a system call, and so does to ask the loop again.
    fn accept(&self) -> Result<()> {
        static FILENO: Name = Name::new("fileno");
        let (Some(event_loop), Some(arguments)) = (self.event_loop.get(), self.arguments.get()) else {
            return Err(Error::runtime("the acceptor has no socket"));
        };
        let [protocol_factory, sock, _, server, backlog, ..] = arguments.tuple_items() else {
            return Err(wrong_arguments());
        };
        let serving = Serving { event_loop: &event_loop, protocol_factory, server, kind: self.kind.get() };
        if event_loop.debug() {
            return accept_as_asyncio(&event_loop, &arguments);
        }
        let most = self.at_once.get();
        for accepted in 0..most {
            let fd = sock.call_method(&FILENO, [])?.as_i64()?;
            if fd < 0 {
                return Ok(()); // The server was closed by the protocol before.
            }
            let mut peer = Address::none();
            match socket::accept(fd as i32, &mut peer) {
                Ok(Io::Done(connection)) => self.connect(&serving, connection, peer)?,
                Ok(Io::Later) => {
                    self.at_once.set(accepted.max(1));
                    self.patience.set(PATIENCE);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(_) => return accept_as_asyncio(&event_loop, &arguments), // It meets the same error.
            }
        }
        match self.patience.get() {
            0 => self.at_once.set((2 * most).min(usize::try_from(backlog.as_i64()? + 1).unwrap_or(1).max(1))),
            patience => self.patience.set(patience - 1),
        }
        Ok(())
    }

    /// Makes the protocol and the transport. As in asyncio, who wants to know why that fails has to turn on debug mode.
    fn connect(&self, serving: &Serving<'_>, connection: OwnedFd, peer: Address) -> Result<()> {
        static COPY: Name = Name::new("copy");
        let given = self.context.get();
        let context = match &given {
            Some(context) => context.call_method(&COPY, [])?,
            None => copy_context()?,
        };
        let given = given.map(|_| context.clone());
        match in_context(&context, || serving.begin(connection, peer, given)) {
            Err(raised) if !raised.stops_the_loop() => {
                raised.clear();
                Ok(())
            }
            outcome => outcome,
        }
    }
}

impl Serving<'_> {
    fn begin(&self, connection: OwnedFd, peer: Address, context: Option<Obj>) -> Result<()> {
        static TRANSPORT: Import = Import::new("ferraio._transports", "SocketTransport");
        let Serving { event_loop, protocol_factory, server, kind } = self;
        let protocol = protocol_factory.call0()?;
        let transport = Own::<SocketTransport>::new_in(TRANSPORT.get()?, SocketTransport::uninitialised())?;
        match Accepted::new(connection, *kind, peer) {
            Ok(accepted) => transport.take_over_accepted(event_loop, Box::new(accepted), &protocol)?,
            Err(connection) => {
                let sock = kind.socket_object(connection).map_err(|(_, raised)| raised)?;
                transport.take_over(event_loop, &sock, &protocol, None)?;
            }
        }
        let server = Some(Obj::clone(server)).filter(|server| !server.is_none());
        transport.begin(Connection { event_loop, protocol: &protocol, waiter: None, server, context })
    }
}

fn accept_as_asyncio(event_loop: &Own<EventLoop>, arguments: &Obj) -> Result<()> {
    static ACCEPT: Name = Name::new("_accept_connection");
    event_loop.obj().attr(&ACCEPT)?.call_slice(arguments.tuple_items()).map(drop)
}

// What Python sees.

fn init(this: &Own<Acceptor>, args: Args<'_>) -> Result<()> {
    static ARGUMENTS: Name = Name::new("arguments");
    static FAMILY: Name = Name::new("family");
    static TYPE: Name = Name::new("type");
    static PROTO: Name = Name::new("proto");
    let [event_loop, arguments, context] = args.bind("Acceptor", [&py::LOOP, &ARGUMENTS, &py::CONTEXT], 2, 3)?;
    let (event_loop, arguments) = (event_loop.expect("required"), arguments.expect("required"));
    let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop) else {
        return Err(Error::type_(format!("loop must be a ferraio.EventLoop, not {}", event_loop.type_name())));
    };
    let [_, sock, ..] = arguments.tuple_items() else { return Err(wrong_arguments()) };
    this.kind.set(Kind {
        family: sock.attr(&FAMILY)?.as_i64()?,
        socket_type: sock.attr(&TYPE)?.as_i64()?,
        protocol: sock.attr(&PROTO)?.as_i64()?,
    });
    this.event_loop.set(event_loop.clone());
    this.arguments.set(arguments);
    if let Some(context) = context.filter(|context| !context.is_none()) {
        this.context.set(context);
    }
    Ok(())
}

fn wrong_arguments() -> Raised {
    Error::type_("the arguments of _accept_connection() are expected")
}

fn accept(this: &Own<Acceptor>) -> Result<Obj> {
    this.accept()?;
    Ok(Obj::none())
}

fn repr(this: &Own<Acceptor>) -> Result<Obj> {
    let server = match this.arguments.get().as_ref().map(Obj::tuple_items) {
        Some([_, _, _, server, ..]) => server.repr_text(),
        _ => String::from("nothing"),
    };
    Obj::str(&format!("<Acceptor of {server}>"))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let parts = class::ClassParts {
        methods: vec![method!(Acceptor, "accept", noargs, accept, "Accept the connections that there are.")],
        slots: vec![slot!(Acceptor, init, init), slot!(Acceptor, repr, repr)],
        ..Default::default()
    };
    class::make::<Acceptor>(module, parts)
}
