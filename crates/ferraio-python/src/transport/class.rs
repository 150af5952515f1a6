//! What Python sees of the transport: the public methods, and asyncio's private names that the standard library uses.

use super::tcp::{Connection, HOOKS, Phase, SocketTransport};
use super::writing::Chunk;
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::{Args, Name, Obj, Own, Result, class};
use crate::imports::{self as py};
use crate::{attribute, method, slot};

fn init(this: &Own<SocketTransport>, args: Args<'_>) -> Result<()> {
    static SOCK: Name = Name::new("sock");
    static WAITER: Name = Name::new("waiter");
    static EXTRA: Name = Name::new("extra");
    static SERVER: Name = Name::new("server");
    let names = [&py::LOOP, &SOCK, &py::PROTOCOL, &WAITER, &EXTRA, &SERVER, &py::CONTEXT];
    let given = args.bind("SocketTransport", names, 3, 7)?.map(|value| value.filter(|value| !value.is_none()));
    let [event_loop, sock, protocol, waiter, extra, server, context] = given;
    let (Some(event_loop), Some(sock), Some(protocol)) = (event_loop, sock, protocol) else {
        return Err(Error::type_("SocketTransport() takes a loop, a socket and a protocol"));
    };
    let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop) else {
        return Err(Error::type_(format!("loop must be a ferraio.EventLoop, not {}", event_loop.type_name())));
    };
    if this.sock.is_some() || this.is_closing() {
        return Err(Error::runtime("the transport has a socket already"));
    }
    this.begin(Connection { event_loop, sock: &sock, protocol: &protocol, waiter, extra, server, context })
}

fn start_reading(this: &Own<SocketTransport>) -> Result<Obj> {
    this.start_reading()?;
    Ok(Obj::none())
}

fn read_ready(this: &Own<SocketTransport>) -> Result<Obj> {
    this.read_ready()?;
    Ok(Obj::none())
}

fn write_ready(this: &Own<SocketTransport>) -> Result<Obj> {
    this.write_ready()?;
    Ok(Obj::none())
}

fn pause_reading(this: &Own<SocketTransport>) -> Result<Obj> {
    this.pause_reading()?;
    Ok(Obj::none())
}

fn resume_reading(this: &Own<SocketTransport>) -> Result<Obj> {
    this.resume_reading()?;
    Ok(Obj::none())
}

fn is_reading(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.is_reading()))
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

fn close(this: &Own<SocketTransport>) -> Result<Obj> {
    this.close()?;
    Ok(Obj::none())
}

fn abort(this: &Own<SocketTransport>) -> Result<Obj> {
    this.force_close(&Obj::none())?;
    Ok(Obj::none())
}

fn is_closing(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.is_closing()))
}

fn force_close(this: &Own<SocketTransport>, error: &Obj) -> Result<Obj> {
    this.force_close(error)?;
    Ok(Obj::none())
}

fn fatal_error(this: &Own<SocketTransport>, args: Args<'_>) -> Result<Obj> {
    static EXC: Name = Name::new("exc");
    let [error, message] = args.bind("_fatal_error", [&EXC, &py::MESSAGE], 1, 2)?;
    let message = message.map_or_else(|| Ok(String::from("Fatal error on transport")), |message| message.as_text())?;
    this.fatal_error(&error.expect("required"), &message)?;
    Ok(Obj::none())
}

fn call_connection_lost(this: &Own<SocketTransport>, error: &Obj) -> Result<Obj> {
    this.call_connection_lost(error)?;
    Ok(Obj::none())
}

fn set_protocol(this: &Own<SocketTransport>, protocol: &Obj) -> Result<Obj> {
    this.set_protocol(protocol)?;
    Ok(Obj::none())
}

fn get_protocol(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.protocol.get_or_none())
}

fn get_extra_info(this: &Own<SocketTransport>, args: Args<'_>) -> Result<Obj> {
    static DEFAULT: Name = Name::new("default");
    let [name, default] = match (args.positional, args.has_keywords()) {
        ([name], false) => [Some(name.clone()), None],
        _ => args.bind("get_extra_info", [&py::NAME, &DEFAULT], 1, 2)?,
    };
    let found = match this.extra.get() {
        Some(extra) => extra.dict_get(&name.expect("required"))?,
        None => None,
    };
    Ok(found.or(default).unwrap_or_else(Obj::none))
}

fn set_write_buffer_limits(this: &Own<SocketTransport>, args: Args<'_>) -> Result<Obj> {
    static HIGH: Name = Name::new("high");
    static LOW: Name = Name::new("low");
    let [high, low] = args.bind("set_write_buffer_limits", [&HIGH, &LOW], 0, 2)?;
    this.set_limits(&high.unwrap_or_else(Obj::none), &low.unwrap_or_else(Obj::none))?;
    this.maybe_pause_protocol()?;
    Ok(Obj::none())
}

fn get_write_buffer_limits(this: &Own<SocketTransport>) -> Result<Obj> {
    this.limits()
}

fn get_write_buffer_size(this: &Own<SocketTransport>) -> Result<Obj> {
    Obj::int(this.queue.borrow().len() as i64)
}

/// A future that is done when nothing waits to be sent; `write()` is refused until `_reset_empty_waiter()`.
fn make_empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    if this.empty_waiter.is_some() {
        return Err(Error::runtime("Empty waiter is already set"));
    }
    let waiter = this.event_loop()?.obj().call_method(&py::CREATE_FUTURE, [])?;
    this.empty_waiter.set(waiter.clone());
    if this.queue.borrow().is_empty() {
        waiter.call_method(&py::SET_RESULT, [&Obj::none()])?;
    }
    Ok(waiter)
}

fn reset_empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    this.empty_waiter.clear();
    Ok(Obj::none())
}

fn repr(this: &Own<SocketTransport>) -> Result<Obj> {
    let mut info = vec![this.obj().type_name()];
    if !this.sock.is_some() {
        info.push(String::from("closed"));
    } else if this.is_closing() {
        info.push(String::from("closing"));
    }
    info.push(format!("fd={}", this.fd.get()));
    if this.event_loop.get().is_some_and(|event_loop| !event_loop.is_closed()) {
        let state = |polling| if polling { "polling" } else { "idle" };
        info.push(format!("read={}", state(this.reads.get())));
        info.push(format!("write=<{}, bufsize={}>", state(this.writes.get()), this.queue.borrow().len()));
    }
    Obj::str(&format!("<{}>", info.join(" ")))
}

fn sock(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.sock.get_or_none())
}

fn sock_fd(this: &Own<SocketTransport>) -> Result<Obj> {
    Obj::int(this.fd.get().into())
}

fn event_loop(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.event_loop.get().map_or_else(Obj::none, Own::into_obj))
}

fn server(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.server.get_or_none())
}

fn extra(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.extra.get_or_none())
}

fn set_extra(this: &Own<SocketTransport>, value: Option<&Obj>) -> Result<()> {
    drop(this.extra.replace(value.cloned()));
    Ok(())
}

fn eof(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.eof.get()))
}

fn paused(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.paused.get()))
}

fn protocol_paused(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.protocol_is_paused.get()))
}

fn protocol_connected(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(Obj::bool(this.protocol_is_connected.get()))
}

fn conn_lost(this: &Own<SocketTransport>) -> Result<Obj> {
    Obj::int(if this.phase.get() == Phase::Lost { this.lost_writes.get().into() } else { 0 })
}

fn buffer(this: &Own<SocketTransport>) -> Result<Obj> {
    let chunks: Vec<Obj> = this.queue.borrow().iter().map(Chunk::obj).cloned().collect();
    Obj::list_from(chunks.into_iter())
}

fn empty_waiter(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.empty_waiter.get_or_none())
}

fn low_water(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.limits()?.tuple_items()[0].clone())
}

fn high_water(this: &Own<SocketTransport>) -> Result<Obj> {
    Ok(this.limits()?.tuple_items()[1].clone())
}

fn set_attribute(this: &Own<SocketTransport>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    static FLOW_CONTROL: Name = Name::new("_FlowControlMixin");
    type T = SocketTransport;
    let base = Obj::import("asyncio.transports")?.attr(&FLOW_CONTROL)?;
    let parts = class::ClassParts {
        offset: Some(class::offset_behind(&base)),
        base: Some(base.clone()),
        methods: vec![
            method!(
                T,
                "pause_reading",
                noargs,
                pause_reading,
                "Give the protocol nothing until resume_reading() is called."
            ),
            method!(T, "resume_reading", noargs, resume_reading, "Give the protocol what arrives again."),
            method!(T, "is_reading", noargs, is_reading, "Is what arrives given to the protocol?"),
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
            method!(T, "close", noargs, close, "Close the connection, after what is queued is sent."),
            method!(T, "abort", noargs, abort, "Close the connection at once; what is queued is lost."),
            method!(T, "is_closing", noargs, is_closing, "Is the transport closed, or being closed?"),
            method!(
                T,
                "set_protocol",
                one_named(&py::PROTOCOL),
                set_protocol,
                "set_protocol(protocol)\n\nGive the connection to another protocol."
            ),
            method!(T, "get_protocol", noargs, get_protocol, "Return the protocol."),
            method!(
                T,
                "get_extra_info",
                keywords,
                get_extra_info,
                "get_extra_info(name, default=None)\n\nReturn what is known of the connection: socket, sockname, peername."
            ),
            method!(
                T,
                "set_write_buffer_limits",
                keywords,
                set_write_buffer_limits,
                "set_write_buffer_limits(high=None, low=None)\n\nPause the protocol above high, resume it at low queued bytes."
            ),
            method!(T, "get_write_buffer_limits", noargs, get_write_buffer_limits, "Return (low, high)."),
            method!(T, "get_write_buffer_size", noargs, get_write_buffer_size, "Return how many bytes are queued."),
            method!(T, "_start_reading", noargs, start_reading, "Begin to read, unless reading is paused."),
            method!(T, "_read_ready", noargs, read_ready, "Receive once."),
            method!(T, "_write_ready", noargs, write_ready, "Send what is queued, as much as there is room for."),
            method!(T, "_fatal_error", keywords, fatal_error, "_fatal_error(exc, message='Fatal error on transport')"),
            method!(T, "_force_close", one, force_close, "_force_close(exc)\n\nClose at once, for a reason or None."),
            method!(T, "_call_connection_lost", one, call_connection_lost, "_call_connection_lost(exc)"),
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
        ],
        attributes: vec![
            attribute!(T, "_sock", sock),
            attribute!(T, "_sock_fd", sock_fd),
            attribute!(T, "_loop", event_loop),
            attribute!(T, "_protocol", get_protocol),
            attribute!(T, "_protocol_connected", protocol_connected),
            attribute!(T, "_protocol_paused", protocol_paused),
            attribute!(T, "_server", server),
            attribute!(T, "_extra", extra, set_extra),
            attribute!(T, "_buffer", buffer),
            attribute!(T, "_closing", is_closing),
            attribute!(T, "_conn_lost", conn_lost),
            attribute!(T, "_eof", eof),
            attribute!(T, "_paused", paused),
            attribute!(T, "_empty_waiter", empty_waiter),
            attribute!(T, "_low_water", low_water),
            attribute!(T, "_high_water", high_water),
        ],
        slots: vec![slot!(T, init, init), slot!(T, repr, repr), slot!(T, setattro, set_attribute)],
    };
    let class = class::make::<SocketTransport>(module, parts)?;
    HOOKS.remember(&class, &base)?;
    Ok(class)
}
