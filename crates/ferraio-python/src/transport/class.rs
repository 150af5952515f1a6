//! What Python sees of the transport of streams, beside what it sees of every transport.

use super::endpoint::{Transport, class as of_all};
use super::server;
use super::tcp::{Connection, HOOKS, SocketTransport};
use super::writing::Chunk;
use crate::error::Error;
use crate::ffi::{Args, Name, Obj, Own, Result, class};
use crate::imports::{self as py};
use crate::{attribute, method, parts_of_socket_transport, slot};

fn init(this: &Own<SocketTransport>, args: Args<'_>) -> Result<()> {
    static SOCK: Name = Name::new("sock");
    static WAITER: Name = Name::new("waiter");
    static EXTRA: Name = Name::new("extra");
    static SERVER: Name = Name::new("server");
    let names = [&py::LOOP, &SOCK, &py::PROTOCOL, &WAITER, &EXTRA, &SERVER, &py::CONTEXT];
    let given = args.bind("SocketTransport", names, 3, 7)?.map(|value| value.filter(|value| !value.is_none()));
    let [event_loop, sock, protocol, waiter, extra, server, context] = given;
    let (event_loop, sock, protocol) = of_all::required(this, "SocketTransport", [event_loop, sock, protocol])?;
    this.take_over(&event_loop, &sock, &protocol, extra)?;
    this.begin(Connection { event_loop: &event_loop, protocol: &protocol, waiter, server, context })
}

fn write(this: &Own<SocketTransport>, data: &Obj) -> Result<Obj> {
    this.write(data)?;
    Ok(Obj::none())
}

fn write_lines(this: &Own<SocketTransport>, lines: &Obj) -> Result<Obj> {
    this.write_lines(lines)?;
    Ok(Obj::none())
}

fn write_eof(this: &Own<SocketTransport>) -> Result<Obj> {
    this.write_eof()?;
    Ok(Obj::none())
}

fn can_write_eof(_: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(true))
}

/// A future that is done when nothing waits to be sent; `write()` is refused until `_reset_empty_waiter()`.
fn make_empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    if this.empty_waiter.is_some() {
        return Err(Error::runtime("Empty waiter is already set"));
    }
    let waiter = this.event_loop()?.obj().call_method(&py::CREATE_FUTURE, [])?;
    this.empty_waiter.set(waiter.clone());
    if this.is_drained() {
        waiter.call_method(&py::SET_RESULT, [&Obj::none()])?;
    }
    Ok(waiter)
}

fn reset_empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    this.empty_waiter.clear();
    Ok(Obj::none())
}

fn server(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.server.get_or_none())
}

fn eof(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.eof.get()))
}

fn protocol_connected(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.protocol_is_connected.get()))
}

fn buffer(this: &Own<SocketTransport>) -> Result<Obj> {
    let chunks: Vec<Obj> = this.queue.borrow().iter().map(Chunk::obj).cloned().collect();
    Obj::list_from(chunks.into_iter())
}

fn empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.empty_waiter.get_or_none())
}

fn set_attribute(this: &Own<SocketTransport>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    type T = SocketTransport;
    let base = of_all::base()?;
    let mut parts = parts_of_socket_transport!(T, &base);
    parts.methods.extend([
        method!(
            T,
            "write",
            one_named(&py::DATA),
            write,
            "write(data)\n\nSend bytes without blocking; what cannot be sent at once is queued."
        ),
        method!(
            T,
            "writelines",
            one_named(&py::LIST_OF_DATA),
            write_lines,
            "writelines(list_of_data)\n\nSend an iterable of bytes in one go."
        ),
        method!(T, "write_eof", noargs, write_eof, "Tell the peer that nothing more comes, after what is queued."),
        method!(T, "can_write_eof", noargs, can_write_eof, "Can write_eof() be called? Yes."),
        method!(T, "_write_ready", noargs, of_all::write_ready, "Send what is queued, as much as there is room for."),
        method!(
            T,
            "_make_empty_waiter",
            noargs,
            make_empty_waiter,
            "Return a future that is done when nothing is queued."
        ),
        method!(
            T,
            "_reset_empty_waiter",
            noargs,
            reset_empty_waiter,
            "Allow write() again after _make_empty_waiter()."
        ),
    ]);
    parts.attributes.extend([
        attribute!(T, "_protocol_connected", protocol_connected),
        attribute!(T, "_server", server),
        attribute!(T, "_buffer", buffer),
        attribute!(T, "_eof", eof),
        attribute!(T, "_empty_waiter", empty_waiter),
    ]);
    parts.slots.extend([slot!(T, init, init), slot!(T, setattro, set_attribute)]);
    let class = class::make::<SocketTransport>(module, parts)?;
    HOOKS.remember(&class, &base)?;
    server::prepare()?;
    Ok(class)
}
