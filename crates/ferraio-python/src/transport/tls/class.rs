//! What Python sees of the protocol: the names of asyncio's `SSLProtocol`, which its cold code reads, writes and calls.

use super::{Delivery, HOOKS, Limit, State, TlsProtocol};
use crate::error::Error;
use crate::ffi::buffer::Buffer;
use crate::ffi::{Import, Name, Obj, Own, Result, class};
use crate::{attribute, flag_attribute, method, slot, slot_attribute};

static ORIGINAL: Import = Import::new("asyncio.sslproto", "SSLProtocol");

fn buffer_updated(this: &Own<TlsProtocol>, size: &Obj) -> Result<Obj> {
    static BUFFER: Name = Name::new("_ssl_buffer");
    let size = usize::try_from(size.as_i64()?).unwrap_or(0);
    let buffer = Buffer::readable(&this.obj().attr(&BUFFER)?)?;
    let Some(received) = buffer.bytes().get(..size) else {
        return Err(Error::Value(format!("buffer_updated({size}), but get_buffer() gave less")).raise());
    };
    this.receive(received)?;
    Ok(Obj::none())
}

fn read(this: &Own<TlsProtocol>) -> Result<Obj> {
    this.read()?;
    Ok(Obj::none())
}

fn write_app_data(this: &Own<TlsProtocol>, lines: &Obj) -> Result<Obj> {
    this.write_lines(lines)?;
    Ok(Obj::none())
}

fn write(this: &Own<TlsProtocol>) -> Result<Obj> {
    this.write_backlog()?;
    Ok(Obj::none())
}

fn process_outgoing(this: &Own<TlsProtocol>) -> Result<Obj> {
    this.send_encrypted()?;
    Ok(Obj::none())
}

fn control_app_writing(this: &Own<TlsProtocol>) -> Result<Obj> {
    this.control_writing()?;
    Ok(Obj::none())
}

fn control_ssl_reading(this: &Own<TlsProtocol>) -> Result<Obj> {
    this.control_reading()?;
    Ok(Obj::none())
}

fn write_buffer_size(this: &Own<TlsProtocol>) -> Result<Obj> {
    Obj::int(this.write_buffer_size()? as i64)
}

fn read_buffer_size(this: &Own<TlsProtocol>) -> Result<Obj> {
    Obj::int(this.undecrypted()? as i64)
}

fn set_app_protocol(this: &Own<TlsProtocol>, protocol: &Obj) -> Result<Obj> {
    this.set_app_protocol(protocol)?;
    Ok(Obj::none())
}

/// The connection is over: forgets what has arrived, and what cannot be sent any more.
fn forget(this: &Own<TlsProtocol>) -> Result<Obj> {
    if let Some(connection) = this.connection.get() {
        connection.forget();
    }
    this.backlog_size.set(0);
    Ok(Obj::none())
}

fn drives_openssl(this: &Own<TlsProtocol>) -> Result<Obj> {
    Ok(Obj::bool(this.connection.get().is_some()))
}

fn state(this: &Own<TlsProtocol>) -> Result<Obj> {
    Ok(this.state_object.get_or_none())
}

fn set_state(this: &Own<TlsProtocol>, value: Option<&Obj>) -> Result<()> {
    static VALUE: Name = Name::new("value");
    let value = value.cloned().unwrap_or_else(Obj::none);
    let state = match value.attr(&VALUE)?.as_text()?.as_str() {
        "UNWRAPPED" => State::Unwrapped,
        "DO_HANDSHAKE" => State::Handshake,
        "WRAPPED" => State::Wrapped,
        "FLUSHING" => State::Flushing,
        "SHUTDOWN" => State::Shutdown,
        other => return Err(Error::Value(format!("unknown state {other}")).raise()),
    };
    this.state_object.set(value);
    this.state.set(state);
    if state == State::Wrapped { this.take_over() } else { Ok(()) }
}

fn is_buffered(this: &Own<TlsProtocol>) -> Result<Obj> {
    Ok(Obj::bool(this.delivery.get() == Delivery::Buffer))
}

fn backlog_size(this: &Own<TlsProtocol>) -> Result<Obj> {
    Obj::int(this.backlog_size.get() as i64)
}

fn set_backlog_size(this: &Own<TlsProtocol>, value: Option<&Obj>) -> Result<()> {
    this.backlog_size.set(value.map_or(Ok(0), Obj::as_i64)?.max(0) as usize);
    Ok(())
}

fn lost_writes(this: &Own<TlsProtocol>) -> Result<Obj> {
    Obj::int(this.lost_writes.get().into())
}

fn set_lost_writes(this: &Own<TlsProtocol>, value: Option<&Obj>) -> Result<()> {
    this.lost_writes.set(u32::try_from(value.map_or(Ok(0), Obj::as_i64)?).unwrap_or(u32::MAX));
    Ok(())
}

macro_rules! limit_attribute {
    ($name:literal, $field:ident) => {{
        fn get(this: &Own<TlsProtocol>) -> Result<Obj> {
            Ok(this.$field.given.get_or_none())
        }
        fn set(this: &Own<TlsProtocol>, value: Option<&Obj>) -> Result<()> {
            set_limit(&this.$field, value)
        }
        attribute!(TlsProtocol, $name, get, set)
    }};
}

fn set_limit(limit: &Limit, value: Option<&Obj>) -> Result<()> {
    limit.value.set(value.map_or(Ok(0.0), Obj::as_f64)?);
    drop(limit.given.replace(value.cloned()));
    Ok(())
}

fn set_attribute(this: &Own<TlsProtocol>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    type T = TlsProtocol;
    let parts = class::ClassParts {
        methods: vec![
            method!(T, "buffer_updated", one, buffer_updated, "Decrypt what was received into the buffer."),
            method!(T, "_set_app_protocol", one, set_app_protocol, "Give what is received to another protocol."),
            method!(T, "_do_read", noargs, read, "Give the program what has arrived."),
            method!(T, "_do_write", noargs, write, "Encrypt and send what waits."),
            method!(T, "_write_appdata", one, write_app_data, "Encrypt and send an iterable of bytes."),
            method!(T, "_process_outgoing", noargs, process_outgoing, "Send what is encrypted."),
            method!(T, "_control_app_writing", noargs, control_app_writing, "Pause or resume the program's writing."),
            method!(T, "_control_ssl_reading", noargs, control_ssl_reading, "Pause or resume the transport's reading."),
            method!(T, "_get_write_buffer_size", noargs, write_buffer_size, "Return how many bytes are to be sent."),
            method!(T, "_get_read_buffer_size", noargs, read_buffer_size, "Return how many bytes are to be decrypted."),
            method!(T, "_forget", noargs, forget, "Drop what has arrived and what is to be sent."),
        ],
        attributes: vec![
            slot_attribute!(T, "_loop", event_loop),
            slot_attribute!(T, "_app_protocol", app_protocol),
            slot_attribute!(T, "_app_protocol_get_buffer", get_buffer),
            slot_attribute!(T, "_app_protocol_buffer_updated", buffer_updated),
            attribute!(T, "_app_protocol_is_buffer", is_buffered),
            slot_attribute!(T, "_transport", transport),
            slot_attribute!(T, "_sslobj", ssl_object),
            slot_attribute!(T, "_incoming", incoming),
            slot_attribute!(T, "_outgoing", outgoing),
            slot_attribute!(T, "_write_backlog", backlog),
            attribute!(T, "_write_buffer_size", backlog_size, set_backlog_size),
            attribute!(T, "_state", state, set_state),
            flag_attribute!(T, "_ssl_writing_paused", ssl_writing_paused),
            flag_attribute!(T, "_app_reading_paused", app_reading_paused),
            flag_attribute!(T, "_ssl_reading_paused", ssl_reading_paused),
            flag_attribute!(T, "_app_writing_paused", app_writing_paused),
            limit_attribute!("_incoming_high_water", incoming_high),
            limit_attribute!("_incoming_low_water", incoming_low),
            limit_attribute!("_outgoing_high_water", outgoing_high),
            limit_attribute!("_outgoing_low_water", outgoing_low),
            attribute!(T, "_conn_lost", lost_writes, set_lost_writes),
            attribute!(T, "_drives_openssl", drives_openssl),
        ],
        slots: vec![slot!(T, setattro, set_attribute)],
        ..Default::default()
    };
    let class = class::make::<T>(module, parts)?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}
