//! The transport that a program with TLS sees: `write` and `writelines`; the rest is asyncio's `_SSLProtocolTransport`.
//!
//! Slots of the Python class below ours (`_loop` among them) would neither be shown to the garbage collector nor be
//! emptied, so they have to stay unused: what asyncio's code sets is an attribute here.

use std::cell::Cell;

use super::TlsProtocol;
use crate::error::Error;
use crate::ffi::{Class, ClassCell, Name, Obj, Own, Result, Slot, Visit, class};
use crate::imports::{self as py};
use crate::transport::endpoint::class as of_all;
use crate::{flag_attribute, method, slot_attribute};

/// The transport.
#[derive(Default)]
pub struct TlsTransport {
    /// The loop.
    event_loop: Slot,
    /// The [`TlsProtocol`]; empty after a second `close()`.
    protocol: Slot,
    /// `close()` was called, or the connection is lost.
    closed: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();

static WRITE_APP_DATA: Name = Name::new("_write_appdata");

impl Class for TlsTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.TlsTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of the transport that a program with TLS sees.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(TlsTransport::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.protocol.visit(visit);
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.protocol.clear();
    }
}

fn write(this: &Own<TlsTransport>, data: &Obj) -> Result<Obj> {
    if !data.is_bytes_like() {
        return Err(Error::type_(format!("data: expecting a bytes-like instance, got {}", data.type_name())));
    }
    let is_empty = match data.as_bytes() {
        Some(bytes) => bytes.is_empty(),
        None => data.length()? == 0,
    };
    if is_empty {
        return Ok(Obj::none());
    }
    let protocol = this.protocol.get_or_none();
    match Own::<TlsProtocol>::from_obj(&protocol) {
        Some(ours) => ours.write(data)?,
        None => drop(protocol.call_method(&WRITE_APP_DATA, [&Obj::tuple([data.clone()])?])?),
    }
    Ok(Obj::none())
}

fn write_lines(this: &Own<TlsTransport>, lines: &Obj) -> Result<Obj> {
    this.protocol.get_or_none().call_method(&WRITE_APP_DATA, [lines])?;
    Ok(Obj::none())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    type T = TlsTransport;
    let base = of_all::base()?;
    let parts = class::ClassParts {
        offset: Some(class::offset_behind(&base)),
        base: Some(base),
        methods: vec![
            method!(
                T,
                "write",
                one_named(&py::DATA),
                write,
                "write(data)\n\nEncrypt and send bytes without blocking; what cannot be sent at once is queued."
            ),
            method!(
                T,
                "writelines",
                one_named(&py::LIST_OF_DATA),
                write_lines,
                "writelines(list_of_data)\n\nEncrypt and send an iterable of bytes in one go."
            ),
        ],
        attributes: vec![
            slot_attribute!(T, "_loop", event_loop),
            slot_attribute!(T, "_ssl_protocol", protocol),
            flag_attribute!(T, "_closed", closed),
        ],
        ..Default::default()
    };
    class::make::<TlsTransport>(module, parts)
}
