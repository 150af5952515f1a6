//! What Python sees of the transport: the public methods, and asyncio's private names that the standard library uses.

use super::{DatagramTransport, Phase};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::{Args, Name, Obj, Own, Result, class};
use crate::imports::{self as py};
use crate::{attribute, method, slot};

type T = DatagramTransport;

fn init(this: &Own<T>, args: Args<'_>) -> Result<()> {
    static SOCK: Name = Name::new("sock");
    static WAITER: Name = Name::new("waiter");
    static EXTRA: Name = Name::new("extra");
    let names = [&py::LOOP, &SOCK, &py::PROTOCOL, &ADDRESS, &WAITER, &EXTRA];
    let given = args.bind("DatagramTransport", names, 3, 6)?.map(|value| value.filter(|value| !value.is_none()));
    let [event_loop, sock, protocol, address, waiter, extra] = given;
    let (Some(event_loop), Some(sock), Some(protocol)) = (event_loop, sock, protocol) else {
        return Err(Error::type_("DatagramTransport() takes a loop, a socket and a protocol"));
    };
    let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop) else {
        return Err(Error::type_(format!("loop must be a ferraio.EventLoop, not {}", event_loop.type_name())));
    };
    if this.sock.is_some() || this.is_closing() {
        return Err(Error::runtime("the transport has a socket already"));
    }
    // As in asyncio, an address that is false counts as none.
    let address = match address {
        Some(address) if address.truth()? => Some(address),
        _ => None,
    };
    this.begin(event_loop, &sock, &protocol, [address, waiter, extra])
}

static ADDRESS: Name = Name::new("address");

fn start_reading(this: &Own<T>) -> Result<Obj> {
    this.start_reading()?;
    Ok(Obj::none())
}

fn read_ready(this: &Own<T>) -> Result<Obj> {
    this.read_ready()?;
    Ok(Obj::none())
}

fn send_ready(this: &Own<T>) -> Result<Obj> {
    this.send_ready()?;
    Ok(Obj::none())
}

fn pause_reading(this: &Own<T>) -> Result<Obj> {
    this.pause_reading()?;
    Ok(Obj::none())
}

fn resume_reading(this: &Own<T>) -> Result<Obj> {
    this.resume_reading()?;
    Ok(Obj::none())
}

fn is_reading(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.is_reading()))
}

fn send_to(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static ADDR: Name = Name::new("addr");
    match (args.positional, args.has_keywords()) {
        ([data, address], false) => this.send_to(data, address)?,
        ([data], false) => this.send_to(data, &Obj::none())?,
        _ => {
            let [data, address] = args.bind("sendto", [&py::DATA, &ADDR], 1, 2)?;
            this.send_to(&data.expect("required"), &address.unwrap_or_else(Obj::none))?;
        }
    }
    Ok(Obj::none())
}

fn close(this: &Own<T>) -> Result<Obj> {
    this.close()?;
    Ok(Obj::none())
}

fn abort(this: &Own<T>) -> Result<Obj> {
    this.force_close(&Obj::none())?;
    Ok(Obj::none())
}

fn is_closing(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.is_closing()))
}

fn force_close(this: &Own<T>, error: &Obj) -> Result<Obj> {
    this.force_close(error)?;
    Ok(Obj::none())
}

fn fatal_error(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static EXC: Name = Name::new("exc");
    let [error, message] = args.bind("_fatal_error", [&EXC, &py::MESSAGE], 1, 2)?;
    let message = message.map_or_else(|| Ok(String::from("Fatal error on transport")), |message| message.as_text())?;
    this.fatal_error(&error.expect("required"), &message)?;
    Ok(Obj::none())
}

fn call_connection_lost(this: &Own<T>, error: &Obj) -> Result<Obj> {
    this.call_connection_lost(error)?;
    Ok(Obj::none())
}

fn set_protocol(this: &Own<T>, protocol: &Obj) -> Result<Obj> {
    this.protocol.set(protocol.clone());
    Ok(Obj::none())
}

fn get_protocol(this: &Own<T>) -> Result<Obj> {
    Ok(this.protocol.get_or_none())
}

fn get_extra_info(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static DEFAULT: Name = Name::new("default");
    let [name, default] = args.bind("get_extra_info", [&py::NAME, &DEFAULT], 1, 2)?;
    let found = match this.extra.get() {
        Some(extra) => extra.dict_get(&name.expect("required"))?,
        None => None,
    };
    Ok(found.or(default).unwrap_or_else(Obj::none))
}

fn set_write_buffer_limits(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static HIGH: Name = Name::new("high");
    static LOW: Name = Name::new("low");
    let [high, low] = args.bind("set_write_buffer_limits", [&HIGH, &LOW], 0, 2)?;
    this.flow.set_limits(&high.unwrap_or_else(Obj::none), &low.unwrap_or_else(Obj::none))?;
    this.maybe_pause_protocol()?;
    Ok(Obj::none())
}

fn get_write_buffer_limits(this: &Own<T>) -> Result<Obj> {
    this.flow.limits()
}

fn get_write_buffer_size(this: &Own<T>) -> Result<Obj> {
    Obj::int(this.queued.get() as i64)
}

fn repr(this: &Own<T>) -> Result<Obj> {
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
        info.push(format!("write=<{}, bufsize={}>", state(this.writes.get()), this.queued.get()));
    }
    Obj::str(&format!("<{}>", info.join(" ")))
}

fn sock(this: &Own<T>) -> Result<Obj> {
    Ok(this.sock.get_or_none())
}

fn sock_fd(this: &Own<T>) -> Result<Obj> {
    Obj::int(this.fd.get().into())
}

fn event_loop(this: &Own<T>) -> Result<Obj> {
    Ok(this.event_loop.get().map_or_else(Obj::none, Own::into_obj))
}

fn extra(this: &Own<T>) -> Result<Obj> {
    Ok(this.extra.get_or_none())
}

fn set_extra(this: &Own<T>, value: Option<&Obj>) -> Result<()> {
    drop(this.extra.replace(value.cloned()));
    Ok(())
}

fn address(this: &Own<T>) -> Result<Obj> {
    Ok(this.remote.get_or_none())
}

fn paused(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.paused.get()))
}

fn protocol_paused(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.flow.protocol_is_paused.get()))
}

fn conn_lost(this: &Own<T>) -> Result<Obj> {
    Obj::int(if this.phase.get() == Phase::Lost { this.lost_writes.get().into() } else { 0 })
}

fn buffer(this: &Own<T>) -> Result<Obj> {
    let queue: Vec<(Obj, Obj)> = this.queue.borrow().iter().cloned().collect();
    let pairs = queue.into_iter().map(|(data, address)| Obj::tuple([data, address])).collect::<Result<Vec<Obj>>>()?;
    Obj::list_from(pairs.into_iter())
}

fn low_water(this: &Own<T>) -> Result<Obj> {
    Ok(this.flow.limits()?.tuple_items()[0].clone())
}

fn high_water(this: &Own<T>) -> Result<Obj> {
    Ok(this.flow.limits()?.tuple_items()[1].clone())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    static FLOW_CONTROL: Name = Name::new("_FlowControlMixin");
    let base = Obj::import("asyncio.transports")?.attr(&FLOW_CONTROL)?;
    let parts = class::ClassParts {
        offset: Some(class::offset_behind(&base)),
        base: Some(base.clone()),
        methods: vec![
            method!(
                T,
                "sendto",
                keywords,
                send_to,
                "sendto(data, addr=None)\n\nSend a datagram without blocking; what cannot be sent at once is queued."
            ),
            method!(
                T,
                "pause_reading",
                noargs,
                pause_reading,
                "Give the protocol nothing until resume_reading() is called."
            ),
            method!(T, "resume_reading", noargs, resume_reading, "Give the protocol what arrives again."),
            method!(T, "is_reading", noargs, is_reading, "Is what arrives given to the protocol?"),
            method!(T, "close", noargs, close, "Close the socket, after what is queued is sent."),
            method!(T, "abort", noargs, abort, "Close the socket at once; what is queued is lost."),
            method!(T, "is_closing", noargs, is_closing, "Is the transport closed, or being closed?"),
            method!(
                T,
                "set_protocol",
                one_named(&py::PROTOCOL),
                set_protocol,
                "set_protocol(protocol)\n\nGive what arrives to another protocol."
            ),
            method!(T, "get_protocol", noargs, get_protocol, "Return the protocol."),
            method!(
                T,
                "get_extra_info",
                keywords,
                get_extra_info,
                "get_extra_info(name, default=None)\n\nReturn what is known of the socket: socket, sockname, peername."
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
            method!(T, "_read_ready", noargs, read_ready, "Receive what there is."),
            method!(T, "_sendto_ready", noargs, send_ready, "Send what is queued, as much as there is room for."),
            method!(T, "_fatal_error", keywords, fatal_error, "_fatal_error(exc, message='Fatal error on transport')"),
            method!(T, "_force_close", one, force_close, "_force_close(exc)\n\nClose at once, for a reason or None."),
            method!(T, "_call_connection_lost", one, call_connection_lost, "_call_connection_lost(exc)"),
        ],
        attributes: vec![
            attribute!(T, "_sock", sock),
            attribute!(T, "_sock_fd", sock_fd),
            attribute!(T, "_loop", event_loop),
            attribute!(T, "_protocol", get_protocol),
            attribute!(T, "_protocol_paused", protocol_paused),
            attribute!(T, "_extra", extra, set_extra),
            attribute!(T, "_address", address),
            attribute!(T, "_buffer", buffer),
            attribute!(T, "_buffer_size", get_write_buffer_size),
            attribute!(T, "_closing", is_closing),
            attribute!(T, "_conn_lost", conn_lost),
            attribute!(T, "_paused", paused),
            attribute!(T, "_low_water", low_water),
            attribute!(T, "_high_water", high_water),
        ],
        slots: vec![slot!(T, init, init), slot!(T, repr, repr)],
    };
    class::make::<T>(module, parts)
}
