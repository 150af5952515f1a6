//! `sock_recv`, `sock_sendall`, `sock_sendto` and their kin: awaitables without a coroutine.
//!
//! Like a coroutine, an operation does nothing before its first step. Then it tries the system call at once, and only if
//! the socket is not ready it makes a future and has the fd watched. It is its own iterator, with `send`, `throw` and
//! `close`, so that `asyncio.iscoroutine` holds. What is unusual (a socket that is not exactly a `socket.socket`, one that
//! blocks, an argument without memory of its own) is left to asyncio's own coroutine, with its checks and errors.
//!
//! `attempt.rs` has the system calls, `class.rs` what Python sees.

mod attempt;
mod class;

use std::cell::{Cell, RefCell};

use self::attempt::Attempt;
pub use self::class::{dress, make_class, methods};
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Target};
use crate::ffi::buffer::Buffer;
use crate::ffi::socket_address::Family;
use crate::ffi::trampoline::Next;
use crate::ffi::{Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, coroutine};
use crate::future::Future;

/// An operation on a socket.
pub struct SocketOperation {
    kind: Cell<Kind>,
    progress: Cell<Progress>,
    event_loop: Slot<Own<EventLoop>>,
    sock: Slot,
    /// How much to receive, where to put it, or what to send.
    argument: Slot,
    /// How much to put there, or where to send it.
    second: Slot,
    /// What is being sent, if it is not `bytes`.
    memory: RefCell<Option<Buffer>>,
    /// How much of it is sent.
    sent: Cell<usize>,
    fd: Cell<i32>,
    /// The family of the socket, if datagrams carry its addresses and we understand them.
    family: Cell<Option<Family>>,
    /// While it waits.
    future: Slot<Own<Future>>,
    /// asyncio's own coroutine, for what is unusual.
    stand_in: Slot,
    /// Where it was called, if anybody wants to know.
    call_site: Slot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receive,
    ReceiveInto,
    ReceiveFrom,
    ReceiveFromInto,
    SendAll,
    SendTo,
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
        self.second.visit(visit);
        self.future.visit(visit);
        self.stand_in.visit(visit);
        self.call_site.visit(visit);
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.sock.clear();
        self.argument.clear();
        self.second.clear();
        self.future.clear();
        self.stand_in.clear();
        self.call_site.clear();
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
        static SOCK_RECVFROM: Name = Name::new("sock_recvfrom");
        static SOCK_RECVFROM_INTO: Name = Name::new("sock_recvfrom_into");
        static SOCK_SENDALL: Name = Name::new("sock_sendall");
        static SOCK_SENDTO: Name = Name::new("sock_sendto");
        static SOCK_ACCEPT: Name = Name::new("sock_accept");
        match self {
            Kind::Receive => &SOCK_RECV,
            Kind::ReceiveInto => &SOCK_RECV_INTO,
            Kind::ReceiveFrom => &SOCK_RECVFROM,
            Kind::ReceiveFromInto => &SOCK_RECVFROM_INTO,
            Kind::SendAll => &SOCK_SENDALL,
            Kind::SendTo => &SOCK_SENDTO,
            Kind::Accept => &SOCK_ACCEPT,
        }
    }

    fn direction(self) -> Direction {
        if matches!(self, Kind::SendAll | Kind::SendTo) { Direction::Write } else { Direction::Read }
    }

    /// Does it need to understand addresses?
    fn has_addresses(self) -> bool {
        matches!(self, Kind::ReceiveFrom | Kind::ReceiveFromInto | Kind::SendTo)
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
        if self.kind.get().has_addresses() {
            static FAMILY_OF: Import = Import::new("ferraio._cold", "family_of");
            self.family.set(Family::from_number(FAMILY_OF.get()?.call([&sock])?.as_i64()?));
            if self.family.get().is_none() {
                return self.delegate(&event_loop, &sock);
            }
        }
        let is_drained = self.kind.get() == Kind::Receive && event_loop.is_drained(self.fd.get(), &sock);
        match if is_drained { Attempt::Later } else { self.attempt()? } {
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
        let arguments = [self.argument.get(), self.second.get()];
        self.stand_in.set(original(event_loop, self.kind.get(), sock, arguments.each_ref().map(Option::as_ref))?);
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

/// `asyncio.SelectorEventLoop.sock_*(loop, sock, …)`.
#[cold]
fn original(event_loop: &Own<EventLoop>, kind: Kind, sock: &Obj, arguments: [Option<&Obj>; 2]) -> Result<Obj> {
    let function = BASE.get()?.attr(kind.name())?;
    match arguments {
        [Some(first), Some(second)] => function.call([event_loop.obj(), sock, first, second]),
        [Some(first), None] => function.call([event_loop.obj(), sock, first]),
        _ => function.call([event_loop.obj(), sock]),
    }
}

#[cold]
fn already_awaited() -> Raised {
    Error::runtime("cannot reuse already awaited coroutine")
}

static BASE: Import = Import::new("asyncio.selector_events", "BaseSelectorEventLoop");
