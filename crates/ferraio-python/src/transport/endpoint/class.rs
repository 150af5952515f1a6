//! What Python sees of every transport: public methods, and asyncio's private names that the standard library uses.
//!
//! The functions are generic, but C wants one of its own for each class: macros make them, and the tables in which they
//! stand: [`parts_of_transport!`](crate::parts_of_transport) for all, [`parts_for_reading!`](crate::parts_for_reading) and
//! [`parts_for_writing!`](crate::parts_for_writing) for one direction, and
//! [`parts_of_socket_transport!`](crate::parts_of_socket_transport) for both, of a socket.

use super::{Phase, Transport};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::{Args, Name, Obj, Own, Result};
use crate::imports::{self as py};

/// What every `__init__` needs: a loop of ours, a socket or pipe and a protocol, for a transport that has none.
pub(in crate::transport) fn required<T: Transport>(
    this: &Own<T>,
    class: &str,
    given: [Option<Obj>; 3],
) -> Result<(Own<EventLoop>, Obj, Obj)> {
    let file = if T::IS_PIPE { "pipe" } else { "socket" };
    let [Some(event_loop), Some(sock), Some(protocol)] = given else {
        return Err(Error::type_(format!("{class}() takes a loop, a {file} and a protocol")));
    };
    let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop).cloned() else {
        return Err(Error::type_(format!("loop must be a ferraio.EventLoop, not {}", event_loop.type_name())));
    };
    if this.endpoint().has_socket() || this.is_closing() {
        return Err(Error::runtime(format!("the transport has a {file} already")));
    }
    Ok((event_loop, sock, protocol))
}

pub(in crate::transport) fn start_reading<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.start_reading()?;
    Ok(Obj::none())
}

pub(in crate::transport) fn read_ready<T: Transport>(this: &Own<T>) -> Result<Obj> {
    T::read_ready(this)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn write_ready<T: Transport>(this: &Own<T>) -> Result<Obj> {
    T::write_ready(this)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn pause_reading<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.pause_reading()?;
    Ok(Obj::none())
}

pub(in crate::transport) fn resume_reading<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.resume_reading()?;
    Ok(Obj::none())
}

pub(in crate::transport) fn is_reading<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.is_reading()))
}

pub(in crate::transport) fn close<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.close()?;
    Ok(Obj::none())
}

pub(in crate::transport) fn abort<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.force_close(&Obj::none())?;
    Ok(Obj::none())
}

pub(in crate::transport) fn is_closing<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.is_closing()))
}

pub(in crate::transport) fn force_close<T: Transport>(this: &Own<T>, error: &Obj) -> Result<Obj> {
    this.force_close(error)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn fatal_error<T: Transport>(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static EXC: Name = Name::new("exc");
    let [error, message] = args.bind("_fatal_error", [&EXC, &py::MESSAGE], 1, 2)?;
    let message = message.map_or_else(|| Ok(T::FATAL_ERROR.to_owned()), |message| message.as_text())?;
    this.fatal_error(&error.expect("required"), &message)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn call_connection_lost<T: Transport>(this: &Own<T>, error: &Obj) -> Result<Obj> {
    this.call_connection_lost(error)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn set_protocol<T: Transport>(this: &Own<T>, protocol: &Obj) -> Result<Obj> {
    T::set_protocol(this, protocol)?;
    Ok(Obj::none())
}

pub(in crate::transport) fn protocol<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(this.endpoint().protocol.get_or_none())
}

pub(in crate::transport) fn extra_info<T: Transport>(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static DEFAULT: Name = Name::new("default");
    let [name, default] = match (args.positional, args.has_keywords()) {
        ([name], false) => [Some(name.clone()), None],
        _ => args.bind("get_extra_info", [&py::NAME, &DEFAULT], 1, 2)?,
    };
    let found = this.extra_item(&name.expect("required"))?;
    Ok(found.or(default).unwrap_or_else(Obj::none))
}

pub(in crate::transport) fn set_write_buffer_limits<T: Transport>(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static HIGH: Name = Name::new("high");
    static LOW: Name = Name::new("low");
    let [high, low] = args.bind("set_write_buffer_limits", [&HIGH, &LOW], 0, 2)?;
    this.endpoint().flow.set_limits(&high.unwrap_or_else(Obj::none), &low.unwrap_or_else(Obj::none))?;
    this.maybe_pause_protocol()?;
    Ok(Obj::none())
}

pub(in crate::transport) fn write_buffer_limits<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.endpoint().flow.limits()
}

pub(in crate::transport) fn write_buffer_size<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Obj::int(this.queued_bytes() as i64)
}

/// The beginning of each `repr`.
pub(in crate::transport) fn describe<T: Transport>(this: &Own<T>) -> Vec<String> {
    let endpoint = this.endpoint();
    let mut info = vec![this.obj().type_name()];
    if !endpoint.has_socket() {
        info.push(String::from("closed"));
    } else if this.is_closing() {
        info.push(String::from("closing"));
    }
    info.push(format!("fd={}", endpoint.fd.get()));
    info
}

pub(in crate::transport) fn repr<T: Transport>(this: &Own<T>) -> Result<Obj> {
    let endpoint = this.endpoint();
    let mut info = describe(this);
    if endpoint.has_open_loop() {
        let state = |polling| if polling { "polling" } else { "idle" };
        info.push(format!("read={}", state(endpoint.reads.get())));
        info.push(format!("write=<{}, bufsize={}>", state(endpoint.writes.get()), this.queued_bytes()));
    }
    Obj::str(&format!("<{}>", info.join(" ")))
}

pub(in crate::transport) fn sock<T: Transport>(this: &Own<T>) -> Result<Obj> {
    if this.endpoint().has_socket() {
        this.know_socket()?;
    }
    Ok(this.endpoint().sock.get_or_none())
}

pub(in crate::transport) fn fd<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Obj::int(this.endpoint().fd.get().into())
}

pub(in crate::transport) fn event_loop<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(this.endpoint().event_loop.get().map_or_else(Obj::none, Own::into_obj))
}

pub(in crate::transport) fn extra<T: Transport>(this: &Own<T>) -> Result<Obj> {
    this.know_socket()?;
    Ok(this.endpoint().extra.get_or_none())
}

pub(in crate::transport) fn set_extra<T: Transport>(this: &Own<T>, value: Option<&Obj>) -> Result<()> {
    this.know_socket()?;
    drop(this.endpoint().extra.replace(value.cloned()));
    Ok(())
}

pub(in crate::transport) fn paused<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.endpoint().paused.get()))
}

pub(in crate::transport) fn protocol_paused<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(this.endpoint().flow.protocol_is_paused.get()))
}

pub(in crate::transport) fn lost_writes<T: Transport>(this: &Own<T>) -> Result<Obj> {
    let endpoint = this.endpoint();
    Obj::int(if endpoint.phase.get() == Phase::Lost { endpoint.lost_writes.get().into() } else { 0 })
}

pub(in crate::transport) fn low_water<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(this.endpoint().flow.limits()?.tuple_items()[0].clone())
}

pub(in crate::transport) fn high_water<T: Transport>(this: &Own<T>) -> Result<Obj> {
    Ok(this.endpoint().flow.limits()?.tuple_items()[1].clone())
}

/// The base of every transport that writes: asyncio's own, so that `isinstance` holds.
pub(in crate::transport) fn base() -> Result<Obj> {
    static FLOW_CONTROL: Name = Name::new("_FlowControlMixin");
    Obj::import("asyncio.transports")?.attr(&FLOW_CONTROL)
}

/// The parts of a class of transports that are the same in all: `parts_of_transport!(Class, base)`.
#[macro_export]
macro_rules! parts_of_transport {
    ($class:ty, $base:expr) => {{
        use $crate::imports as py;
        use $crate::transport::endpoint::class as of_all;
        use $crate::{attribute, method};
        $crate::ffi::class::ClassParts {
            offset: Some($crate::ffi::class::offset_behind($base)),
            base: Some($base.clone()),
            methods: vec![
                method!($class, "close", noargs, of_all::close, "Close the transport, after what is queued is sent."),
                method!($class, "is_closing", noargs, of_all::is_closing, "Is the transport closed, or being closed?"),
                method!(
                    $class,
                    "set_protocol",
                    one_named(&py::PROTOCOL),
                    of_all::set_protocol,
                    "set_protocol(protocol)\n\nGive what arrives to another protocol."
                ),
                method!($class, "get_protocol", noargs, of_all::protocol, "Return the protocol."),
                method!(
                    $class,
                    "get_extra_info",
                    keywords,
                    of_all::extra_info,
                    "get_extra_info(name, default=None)\n\nReturn what is known of the other end: socket, sockname, peername; pipe."
                ),
                method!(
                    $class,
                    "_start_reading",
                    noargs,
                    of_all::start_reading,
                    "Begin to read, unless reading is paused."
                ),
                method!($class, "_read_ready", noargs, of_all::read_ready, "Receive what there is."),
                method!(
                    $class,
                    "_fatal_error",
                    keywords,
                    of_all::fatal_error,
                    "_fatal_error(exc, message=...)\n\nReport what went wrong, and close at once."
                ),
                method!(
                    $class,
                    "_call_connection_lost",
                    one,
                    of_all::call_connection_lost,
                    "_call_connection_lost(exc)"
                ),
            ],
            attributes: vec![
                attribute!($class, "_loop", of_all::event_loop),
                attribute!($class, "_protocol", of_all::protocol),
                attribute!($class, "_extra", of_all::extra, of_all::set_extra),
                attribute!($class, "_closing", of_all::is_closing),
            ],
            slots: Vec::new(),
        }
    }};
}

/// The parts of those that read: `parts_for_reading!(parts, Class)`.
#[macro_export]
macro_rules! parts_for_reading {
    ($parts:expr, $class:ty) => {{
        use $crate::transport::endpoint::class as of_all;
        use $crate::{attribute, method};
        $parts.methods.extend([
            method!(
                $class,
                "pause_reading",
                noargs,
                of_all::pause_reading,
                "Give the protocol nothing until resume_reading() is called."
            ),
            method!($class, "resume_reading", noargs, of_all::resume_reading, "Give the protocol what arrives again."),
            method!($class, "is_reading", noargs, of_all::is_reading, "Is what arrives given to the protocol?"),
        ]);
        $parts.attributes.extend([attribute!($class, "_paused", of_all::paused)]);
    }};
}

/// The parts of those that write: `parts_for_writing!(parts, Class)`.
#[macro_export]
macro_rules! parts_for_writing {
    ($parts:expr, $class:ty) => {{
        use $crate::transport::endpoint::class as of_all;
        use $crate::{attribute, method};
        $parts.methods.extend([
            method!($class, "abort", noargs, of_all::abort, "Close the transport at once; what is queued is lost."),
            method!(
                $class,
                "set_write_buffer_limits",
                keywords,
                of_all::set_write_buffer_limits,
                "set_write_buffer_limits(high=None, low=None)\n\nPause the protocol above high, resume it at low queued bytes."
            ),
            method!($class, "get_write_buffer_limits", noargs, of_all::write_buffer_limits, "Return (low, high)."),
            method!(
                $class,
                "get_write_buffer_size",
                noargs,
                of_all::write_buffer_size,
                "Return how many bytes are queued."
            ),
        ]);
        $parts.attributes.extend([
            attribute!($class, "_protocol_paused", of_all::protocol_paused),
            attribute!($class, "_low_water", of_all::low_water),
            attribute!($class, "_high_water", of_all::high_water),
        ]);
    }};
}

/// The parts that the transports of all sockets have: `parts_of_socket_transport!(Class, base)`.
#[macro_export]
macro_rules! parts_of_socket_transport {
    ($class:ty, $base:expr) => {{
        use $crate::transport::endpoint::class as of_all;
        use $crate::{attribute, method, slot};
        let mut parts = $crate::parts_of_transport!($class, $base);
        $crate::parts_for_reading!(parts, $class);
        $crate::parts_for_writing!(parts, $class);
        parts.methods.extend([method!(
            $class,
            "_force_close",
            one,
            of_all::force_close,
            "_force_close(exc)\n\nClose at once, for a reason or None."
        )]);
        parts.attributes.extend([
            attribute!($class, "_sock", of_all::sock),
            attribute!($class, "_sock_fd", of_all::fd),
            attribute!($class, "_conn_lost", of_all::lost_writes),
        ]);
        parts.slots.push(slot!($class, repr, of_all::repr));
        parts
    }};
}
