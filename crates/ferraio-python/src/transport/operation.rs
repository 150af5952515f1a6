//! `sock_recv`, `sock_recv_into`, `sock_sendall` and `sock_accept`: awaitables without a coroutine.
//!
//! Like a coroutine, an operation does nothing before its first step. Then it tries the system call at once, and only if
//! the socket is not ready it makes a future and has the fd watched. It is its own iterator, with `send`, `throw` and
//! `close`, so that `asyncio.iscoroutine` holds. What is unusual (a socket that is not exactly a `socket.socket`, one that
//! blocks, an argument without memory of its own) is left to asyncio's own coroutine, with its checks and errors.

use std::cell::{Cell, RefCell};

use ferraio_core::socket::{self, Io};

use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Target};
use crate::ffi::async_function;
use crate::ffi::buffer::Buffer;
use crate::ffi::trampoline::Next;
use crate::ffi::{
    Args, Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class, coroutine, exception,
};
use crate::future::Future;
use crate::future_iterator::raise_thrown;
use crate::imports::{self as py};
use crate::{attribute, method, slot};

/// An operation on a socket.
pub struct SocketOperation {
    kind: Cell<Kind>,
    progress: Cell<Progress>,
    event_loop: Slot<Own<EventLoop>>,
    sock: Slot,
    /// How much to receive, where to put it, or what to send.
    argument: Slot,
    /// What is being sent, if it is not `bytes`.
    memory: RefCell<Option<Buffer>>,
    /// How much of it is sent.
    sent: Cell<usize>,
    fd: Cell<i32>,
    /// While it waits.
    future: Slot<Own<Future>>,
    /// asyncio's own coroutine, for what is unusual.
    stand_in: Slot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receive,
    ReceiveInto,
    SendAll,
    Accept,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    Waiting,
    Delegated,
    Done,
}

/// What one attempt gave.
enum Attempt {
    Done(Obj),
    /// The socket is not ready.
    Later,
    /// asyncio's own code knows better what is wrong with the argument.
    Unusual,
}

static CELL: ClassCell = ClassCell::new();

impl Class for SocketOperation {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.SocketOperation";
    const DOC: &'static std::ffi::CStr = c"What sock_recv() and its kin return: to be awaited once.";
    const KEEP: usize = 1000;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.sock.visit(visit);
        self.argument.visit(visit);
        self.future.visit(visit);
        self.stand_in.visit(visit);
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.sock.clear();
        self.argument.clear();
        self.future.clear();
        self.stand_in.clear();
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

impl Kind {
    fn name(self) -> &'static Name {
        static SOCK_RECV: Name = Name::new("sock_recv");
        static SOCK_RECV_INTO: Name = Name::new("sock_recv_into");
        static SOCK_SENDALL: Name = Name::new("sock_sendall");
        static SOCK_ACCEPT: Name = Name::new("sock_accept");
        match self {
            Kind::Receive => &SOCK_RECV,
            Kind::ReceiveInto => &SOCK_RECV_INTO,
            Kind::SendAll => &SOCK_SENDALL,
            Kind::Accept => &SOCK_ACCEPT,
        }
    }

    fn direction(self) -> Direction {
        if self == Kind::SendAll { Direction::Write } else { Direction::Read }
    }
}

impl SocketOperation {
    fn attempt(&self) -> Result<Attempt> {
        match self.kind.get() {
            Kind::Receive => self.receive(),
            Kind::ReceiveInto => self.receive_into(),
            Kind::SendAll => self.send(),
            Kind::Accept => self.accept(),
        }
    }

    fn receive(&self) -> Result<Attempt> {
        let Some(event_loop) = self.event_loop.get() else { return Ok(Attempt::Later) };
        let Ok(most) = usize::try_from(self.argument.get_or_none().as_i64()?) else { return Ok(Attempt::Unusual) };
        if most == 0 {
            return Obj::bytes(&[]).map(Attempt::Done);
        }
        let mut buffer = event_loop.take_read_buffer();
        let most = most.min(buffer.len());
        let outcome = match socket::recv(self.fd.get(), &mut buffer[..most]) {
            Ok(Io::Done(size)) => Obj::bytes(&buffer[..size]).map(Attempt::Done),
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        };
        event_loop.put_read_buffer(buffer);
        outcome
    }

    fn receive_into(&self) -> Result<Attempt> {
        let mut memory = match Buffer::writable(&self.argument.get_or_none()) {
            Ok(memory) => memory,
            Err(raised) => {
                raised.clear();
                return Ok(Attempt::Unusual);
            }
        };
        if memory.bytes().is_empty() {
            return Obj::int(0).map(Attempt::Done);
        }
        match socket::recv(self.fd.get(), memory.bytes_mut()) {
            Ok(Io::Done(size)) => Obj::int(size as i64).map(Attempt::Done),
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    fn send(&self) -> Result<Attempt> {
        let argument = self.argument.get_or_none();
        if !argument.is_exact_bytes() && self.memory.borrow().is_none() {
            match Buffer::readable(&argument) {
                Ok(memory) => drop(self.memory.replace(Some(memory))),
                Err(raised) => {
                    raised.clear();
                    return Ok(Attempt::Unusual);
                }
            }
        }
        let memory = self.memory.borrow();
        let data = argument.as_bytes().or_else(|| memory.as_ref().map(Buffer::bytes)).unwrap_or_default();
        match socket::send(self.fd.get(), &data[self.sent.get()..]) {
            Ok(Io::Done(size)) => {
                self.sent.set(self.sent.get() + size);
                Ok(if self.sent.get() == data.len() { Attempt::Done(Obj::none()) } else { Attempt::Later })
            }
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    /// Connections are rare beside what goes through them: the socket's own `accept` knows the addresses of all families.
    fn accept(&self) -> Result<Attempt> {
        static ACCEPT: Name = Name::new("accept");
        static SETBLOCKING: Name = Name::new("setblocking");
        match self.sock.get_or_none().call_method(&ACCEPT, []) {
            Ok(accepted) => {
                if let Some(connection) = accepted.tuple_items().first() {
                    connection.call_method(&SETBLOCKING, [&Obj::bool(false)])?;
                }
                Ok(Attempt::Done(accepted))
            }
            Err(raised) if raised.matches(&exception::blocking_io_error()) => {
                raised.clear();
                Ok(Attempt::Later)
            }
            Err(raised) => Err(raised),
        }
    }
}

impl Own<SocketOperation> {
    /// The fd is ready.
    pub fn ready(&self) -> Result<()> {
        let Some(future) = self.future.get() else { return Ok(()) };
        if future.is_done() {
            return Ok(()); // It was cancelled, and the task does not know yet.
        }
        match self.attempt() {
            Ok(Attempt::Later) => Ok(()),
            Ok(Attempt::Done(value)) => {
                self.stop_watching();
                future.finish(value)
            }
            Ok(Attempt::Unusual) => {
                self.stop_watching();
                let error = Error::type_("the buffer cannot be used any more");
                future.fail(error.take())
            }
            Err(raised) if raised.stops_the_loop() => Err(raised),
            Err(raised) => {
                self.stop_watching();
                future.fail(raised.take())
            }
        }
    }

    /// What asyncio would have in a handle.
    pub fn callback(&self) -> Result<Obj> {
        static READY: Name = Name::new("_ready");
        self.obj().attr(&READY)
    }

    fn stop_watching(&self) {
        if let Some(event_loop) = self.event_loop.get() {
            event_loop.unwatch_socket(self.fd.get(), self.kind.get().direction(), self.obj());
        }
    }

    fn step(&self) -> Next {
        match self.progress.get() {
            Progress::New => self.start().unwrap_or_else(|raised| {
                self.end();
                Next::Raised(raised)
            }),
            Progress::Waiting => self.end_wait().unwrap_or_else(Next::Raised),
            Progress::Delegated => self.step_stand_in(),
            Progress::Done => Next::Raised(already_awaited()),
        }
    }

    fn start(&self) -> Result<Next> {
        static GETTIMEOUT: Name = Name::new("gettimeout");
        static FILENO: Name = Name::new("fileno");
        let (Some(event_loop), Some(sock)) = (self.event_loop.get(), self.sock.get()) else {
            return Err(already_awaited());
        };
        if sock.call_method(&GETTIMEOUT, [])?.exact_f64() != Some(0.0) {
            return self.delegate(&event_loop, &sock);
        }
        self.fd.set(sock.call_method(&FILENO, [])?.as_i64()? as i32);
        match self.attempt()? {
            Attempt::Done(value) => {
                self.end();
                return Ok(Next::Return(value));
            }
            Attempt::Unusual => return self.delegate(&event_loop, &sock),
            Attempt::Later => {}
        }
        event_loop.check_open()?;
        event_loop.check_no_transport(self.fd.get())?;
        let future = Future::create(&event_loop)?;
        let direction = self.kind.get().direction();
        event_loop.watch_socket(self.fd.get(), direction, Target::Operation(self.clone()), &sock)?;
        future.blocking.set(true);
        self.future.set(future.clone());
        self.progress.set(Progress::Waiting);
        Ok(Next::Yield(future.into_obj()))
    }

    fn end_wait(&self) -> Result<Next> {
        let Some(future) = self.future.get() else { return Err(already_awaited()) };
        if !future.is_done() {
            return Err(Error::runtime("await wasn't used with future"));
        }
        self.end();
        future.value().map(Next::Return)
    }

    /// Leaves all to asyncio's own coroutine.
    #[cold]
    fn delegate(&self, event_loop: &Own<EventLoop>, sock: &Obj) -> Result<Next> {
        self.stand_in.set(original(event_loop, self.kind.get(), sock, self.argument.get().as_ref())?);
        self.progress.set(Progress::Delegated);
        Ok(self.step_stand_in())
    }

    fn step_stand_in(&self) -> Next {
        let Some(coro) = self.stand_in.get() else { return Next::Raised(already_awaited()) };
        match coroutine::send_none(&coro) {
            coroutine::Step::Yield(object) => Next::Yield(object),
            coroutine::Step::Return(value) => {
                self.end();
                Next::Return(value)
            }
            coroutine::Step::Raise(raised) => {
                self.end();
                Next::Raised(raised)
            }
        }
    }

    /// It is over: nothing is watched any more, and nothing kept.
    fn end(&self) {
        if self.progress.replace(Progress::Done) == Progress::Waiting {
            self.stop_watching();
        }
        drop(self.memory.take());
        self.clear();
    }
}

/// `asyncio.SelectorEventLoop.sock_*(loop, sock, argument)`.
#[cold]
fn original(event_loop: &Own<EventLoop>, kind: Kind, sock: &Obj, argument: Option<&Obj>) -> Result<Obj> {
    let function = BASE.get()?.attr(kind.name())?;
    match argument {
        Some(argument) => function.call([event_loop.obj(), sock, argument]),
        None => function.call([event_loop.obj(), sock]),
    }
}

#[cold]
fn already_awaited() -> Raised {
    Error::runtime("cannot reuse already awaited coroutine")
}

/// `loop.sock_*(sock, argument)`.
fn begin(this: &Own<EventLoop>, kind: Kind, sock: &Obj, argument: Option<&Obj>) -> Result<Obj> {
    static SOCKET: Import = Import::new("socket", "socket");
    if sock.type_ptr() != SOCKET.get()?.as_ptr().cast() {
        return original(this, kind, sock, argument);
    }
    let operation = Own::new(|| SocketOperation {
        kind: Cell::new(kind),
        progress: Cell::new(Progress::New),
        event_loop: Slot::new(this.clone()),
        sock: Slot::new(sock.clone()),
        argument: argument.cloned().map_or_else(Slot::empty, Slot::new),
        memory: RefCell::new(None),
        sent: Cell::new(0),
        fd: Cell::new(-1),
        future: Slot::empty(),
        stand_in: Slot::empty(),
    })?;
    Ok(operation.into_obj())
}

/// The same for a function whose second parameter is called `name`.
#[inline(always)]
fn begin_with(this: &Own<EventLoop>, kind: Kind, args: Args<'_>, name: &Name) -> Result<Obj> {
    if let ([sock, argument], false) = (args.positional, args.has_keywords()) {
        return begin(this, kind, sock, Some(argument));
    }
    let [sock, argument] = args.bind(kind.name().text(), [&SOCK, name], 2, 2)?;
    begin(this, kind, &sock.expect("required"), argument.as_ref())
}

static SOCK: Name = Name::new("sock");
static BASE: Import = Import::new("asyncio.selector_events", "BaseSelectorEventLoop");

// What Python sees of the loop.

fn sock_recv(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static N: Name = Name::new("n");
    begin_with(this, Kind::Receive, args, &N)
}

fn sock_recv_into(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static BUF: Name = Name::new("buf");
    begin_with(this, Kind::ReceiveInto, args, &BUF)
}

fn sock_sendall(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static DATA: Name = Name::new("data");
    begin_with(this, Kind::SendAll, args, &DATA)
}

fn sock_accept(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let [sock] = args.bind("sock_accept", [&SOCK], 1, 1)?;
    begin(this, Kind::Accept, &sock.expect("required"), None)
}

/// Makes the methods look like the `async def`s that they stand for.
pub fn dress(event_loop_class: &Obj) -> Result<()> {
    let names = [Kind::Receive, Kind::ReceiveInto, Kind::SendAll, Kind::Accept].map(Kind::name);
    async_function::dress_methods(event_loop_class, BASE.get()?, &names)
}

/// The methods of the loop.
pub fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![
        method!(
            EventLoop,
            "sock_recv",
            keywords,
            sock_recv,
            "sock_recv(sock, n)\n\nReceive up to n bytes from a non-blocking socket; to be awaited."
        ),
        method!(
            EventLoop,
            "sock_recv_into",
            keywords,
            sock_recv_into,
            "sock_recv_into(sock, buf)\n\nReceive into a buffer, and return how many bytes; to be awaited."
        ),
        method!(
            EventLoop,
            "sock_sendall",
            keywords,
            sock_sendall,
            "sock_sendall(sock, data)\n\nSend all of the data; to be awaited."
        ),
        method!(
            EventLoop,
            "sock_accept",
            keywords,
            sock_accept,
            "sock_accept(sock)\n\nAccept a connection; return (conn, address). To be awaited."
        ),
    ]
}

// What Python sees of an operation.

fn ready(this: &Own<SocketOperation>) -> Result<Obj> {
    this.ready()?;
    Ok(Obj::none())
}

fn next(this: &Own<SocketOperation>) -> Next {
    this.step()
}

fn send(this: &Own<SocketOperation>, value: &Obj) -> Result<Obj> {
    if this.progress.get() == Progress::New && !value.is_none() {
        return Err(Error::type_("can't send non-None value to a just-started coroutine"));
    }
    match this.step() {
        Next::Yield(object) => Ok(object),
        Next::Raised(raised) => Err(raised),
        Next::Return(value) => {
            coroutine::set_stop_iteration(value);
            Err(Raised::set())
        }
    }
}

fn throw(this: &Own<SocketOperation>, args: &[Obj]) -> Result<Obj> {
    let [class, rest @ ..] = args else {
        return Err(Error::type_("throw expected at least 1 argument, got 0"));
    };
    if let (Progress::Delegated, Some(coro)) = (this.progress.get(), this.stand_in.get()) {
        return coro.attr(&py::THROW)?.call_slice(args);
    }
    if this.progress.get() == Progress::Done {
        return Err(already_awaited());
    }
    this.end();
    Err(raise_thrown(class, rest.first(), rest.get(1)))
}

fn close(this: &Own<SocketOperation>) -> Result<Obj> {
    if let (Progress::Delegated, Some(coro)) = (this.progress.get(), this.stand_in.get()) {
        this.end();
        return coro.call_method(&py::CLOSE, []);
    }
    this.end();
    Ok(Obj::none())
}

fn itself(this: &Own<SocketOperation>) -> Result<Obj> {
    Ok(this.obj().clone())
}

fn name(this: &Own<SocketOperation>) -> Result<Obj> {
    Ok(this.kind.get().name().obj().clone())
}

fn nothing(_: &Own<SocketOperation>) -> Result<Obj> {
    Ok(Obj::none())
}

fn awaited(this: &Own<SocketOperation>) -> Result<Obj> {
    Ok(this.stand_in.get().or_else(|| this.future.get().map(Own::into_obj)).unwrap_or_else(Obj::none))
}

fn running(_: &Own<SocketOperation>) -> Result<Obj> {
    Ok(Obj::bool(false))
}

fn repr(this: &Own<SocketOperation>) -> Result<Obj> {
    Obj::str(&format!("<coroutine object {} at {:p}>", this.kind.get().name().text(), this.obj().as_ptr()))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    type T = SocketOperation;
    let parts = class::ClassParts {
        methods: vec![
            method!(T, "send", one, send, "Step on, as a coroutine does."),
            method!(T, "throw", fast, throw, "Raise an exception at the place where it waits."),
            method!(T, "close", noargs, close, "End it."),
            method!(T, "_ready", noargs, ready, "Try again: the socket is ready."),
        ],
        attributes: vec![
            attribute!(T, "__name__", name),
            attribute!(T, "__qualname__", name),
            attribute!(T, "cr_origin", nothing),
            attribute!(T, "cr_await", awaited),
            attribute!(T, "cr_running", running),
        ],
        slots: vec![slot!(T, await, itself), slot!(T, iter, itself), slot!(T, iternext, next), slot!(T, repr, repr)],
        ..Default::default()
    };
    class::make::<SocketOperation>(module, parts)
}
