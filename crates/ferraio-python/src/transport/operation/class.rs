//! What Python sees: the loop's methods, and the operations that they return.

use std::cell::{Cell, RefCell};

use super::{BASE, Kind, Progress, SocketOperation, already_awaited, original};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::async_function;
use crate::ffi::trampoline::Next;
use crate::ffi::{Args, Import, Name, Obj, Own, Raised, Result, Slot, call_site, class, coroutine};
use crate::future_iterator::raise_thrown;
use crate::imports::{self as py};
use crate::{attribute, method, slot, slot_attribute};

/// `loop.sock_*(sock, …)`.
fn begin(this: &Own<EventLoop>, kind: Kind, sock: &Obj, arguments: [Option<&Obj>; 2]) -> Result<Obj> {
    static SOCKET: Import = Import::new("socket", "socket");
    if sock.type_ptr() != SOCKET.get()?.as_ptr().cast() {
        return original(this, kind, sock, arguments);
    }
    let [argument, second] = arguments.map(|argument| argument.cloned().map_or_else(Slot::empty, Slot::new));
    let operation = Own::new(|| SocketOperation {
        kind: Cell::new(kind),
        progress: Cell::new(Progress::New),
        event_loop: Slot::new(this.clone()),
        sock: Slot::new(sock.clone()),
        argument,
        second,
        memory: RefCell::new(None),
        sent: Cell::new(0),
        fd: Cell::new(-1),
        family: Cell::new(None),
        future: Slot::empty(),
        stand_in: Slot::empty(),
        call_site: call_site::here(),
    })?;
    Ok(operation.into_obj())
}

/// The same for a function whose second parameter is called `name`.
#[inline(always)]
fn begin_with(this: &Own<EventLoop>, kind: Kind, args: Args<'_>, name: &Name) -> Result<Obj> {
    if let ([sock, argument], false) = (args.positional, args.has_keywords()) {
        return begin(this, kind, sock, [Some(argument), None]);
    }
    let [sock, argument] = args.bind(kind.name().text(), [&SOCK, name], 2, 2)?;
    begin(this, kind, &sock.expect("required"), [argument.as_ref(), None])
}

static SOCK: Name = Name::new("sock");

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
    begin_with(this, Kind::SendAll, args, &py::DATA)
}

fn sock_accept(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    let [sock] = args.bind("sock_accept", [&SOCK], 1, 1)?;
    begin(this, Kind::Accept, &sock.expect("required"), [None, None])
}

fn sock_recvfrom(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static BUFSIZE: Name = Name::new("bufsize");
    begin_with(this, Kind::ReceiveFrom, args, &BUFSIZE)
}

fn sock_recvfrom_into(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static BUF: Name = Name::new("buf");
    static NBYTES: Name = Name::new("nbytes");
    let [sock, buf, size] = args.bind("sock_recvfrom_into", [&SOCK, &BUF, &NBYTES], 2, 3)?;
    begin(this, Kind::ReceiveFromInto, &sock.expect("required"), [buf.as_ref(), size.as_ref()])
}

fn sock_sendto(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    static ADDRESS: Name = Name::new("address");
    if let ([sock, data, address], false) = (args.positional, args.has_keywords()) {
        return begin(this, Kind::SendTo, sock, [Some(data), Some(address)]);
    }
    let [sock, data, address] = args.bind("sock_sendto", [&SOCK, &py::DATA, &ADDRESS], 3, 3)?;
    begin(this, Kind::SendTo, &sock.expect("required"), [data.as_ref(), address.as_ref()])
}

/// Makes the methods look like the `async def`s that they stand for.
pub fn dress(event_loop_class: &Obj) -> Result<()> {
    let names = [
        Kind::Receive,
        Kind::ReceiveInto,
        Kind::ReceiveFrom,
        Kind::ReceiveFromInto,
        Kind::SendAll,
        Kind::SendTo,
        Kind::Accept,
    ]
    .map(Kind::name);
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
            "sock_recvfrom",
            keywords,
            sock_recvfrom,
            "sock_recvfrom(sock, bufsize)\n\nReceive a datagram; return (data, address). To be awaited."
        ),
        method!(
            EventLoop,
            "sock_recvfrom_into",
            keywords,
            sock_recvfrom_into,
            "sock_recvfrom_into(sock, buf, nbytes=0)\n\nReceive a datagram into a buffer; return (size, address). To be awaited."
        ),
        method!(
            EventLoop,
            "sock_sendto",
            keywords,
            sock_sendto,
            "sock_sendto(sock, data, address)\n\nSend a datagram; return how many bytes. To be awaited."
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
            slot_attribute!(T, "_call_site", call_site),
            attribute!(T, "cr_await", awaited),
            attribute!(T, "cr_running", running),
        ],
        slots: vec![slot!(T, await, itself), slot!(T, iter, itself), slot!(T, iternext, next), slot!(T, repr, repr)],
        ..Default::default()
    };
    class::make::<SocketOperation>(module, parts)
}
