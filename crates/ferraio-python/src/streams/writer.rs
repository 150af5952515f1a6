//! StreamWriter: writing, and waiting until the transport has room again.

use super::protocol::StreamReaderProtocol;
use super::reader::StreamReader;
use crate::async_call::{AsyncCall, Body, Step};
use crate::ffi::{Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, async_function, class};
use crate::imports::{self as py};
use crate::transport::SocketTransport;
use crate::{method, slot_attribute};

/// A writer.
#[derive(Default)]
pub struct StreamWriter {
    transport: Slot,
    protocol: Slot,
    reader: Slot,
    event_loop: Slot,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.streams", "StreamWriter");

static DRAIN: Name = Name::new("drain");
static WRITE: Name = Name::new("write");
static EXCEPTION: Name = Name::new("exception");
static IS_CLOSING: Name = Name::new("is_closing");

impl Class for StreamWriter {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.StreamWriter";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.StreamWriter.";
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(StreamWriter::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.transport.visit(visit);
        self.protocol.visit(visit);
        self.reader.visit(visit);
        self.event_loop.visit(visit);
    }

    fn clear(&self) {
        self.transport.clear();
        self.protocol.clear();
        self.reader.clear();
        self.event_loop.clear();
    }
}

impl Own<StreamWriter> {
    /// The first step of `drain()`, which most often has nothing to wait for.
    #[inline]
    pub fn drain(&self) -> Result<Step> {
        if let Some(error) = self.reader_exception()?.filter(Obj::is_exception) {
            return Err(Raised::raise(&error));
        }
        if !self.transport_is_closing()? && self.protocol_has_room()? {
            return Ok(Step::Return(Obj::none()));
        }
        ORIGINAL.get()?.attr(&DRAIN)?.call([self.obj()]).map(Step::Delegate)
    }

    #[inline(always)]
    fn reader_exception(&self) -> Result<Option<Obj>> {
        let Some(reader) = self.reader.get() else { return Ok(None) };
        if let Some(ours) = Own::<StreamReader>::from_obj(&reader)
            && let Some(exception) = ours.plain_exception()?
        {
            return Ok(Some(exception));
        }
        reader.call_method(&EXCEPTION, []).map(Some)
    }

    /// Is it certain that the protocol would not make us wait?
    #[inline(always)]
    fn protocol_has_room(&self) -> Result<bool> {
        match Own::<StreamReaderProtocol>::from_obj(&self.protocol.get_or_none()) {
            Some(ours) => ours.has_room(),
            None => Ok(false),
        }
    }

    #[inline(always)]
    fn transport_is_closing(&self) -> Result<bool> {
        let transport = self.transport.get_or_none();
        match Own::<SocketTransport>::from_obj(&transport) {
            Some(ours) if ours.is_plain()? => Ok(ours.is_closing()),
            _ => transport.call_method(&IS_CLOSING, [])?.truth(),
        }
    }

    /// `write(data)`
    #[inline(always)]
    fn write(&self, data: &Obj) -> Result<()> {
        let transport = self.transport.get_or_none();
        match Own::<SocketTransport>::from_obj(&transport) {
            Some(ours) if ours.is_plain()? => ours.write(data),
            _ => transport.call_method(&WRITE, [data]).map(drop),
        }
    }
}

// What Python sees.

fn write(this: &Own<StreamWriter>, data: &Obj) -> Result<Obj> {
    this.write(data)?;
    Ok(Obj::none())
}

fn drain(this: &Own<StreamWriter>) -> Result<Obj> {
    AsyncCall::create(Body::StreamDrain(this.clone()))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<StreamWriter>(
        module,
        class::ClassParts {
            methods: vec![
                method!(
                    StreamWriter,
                    "write",
                    one_named(&py::DATA),
                    write,
                    "Write bytes to the transport, without waiting."
                ),
                method!(StreamWriter, "drain", noargs, drain, "Wait until the transport has room for more."),
            ],
            attributes: vec![
                slot_attribute!(StreamWriter, "_transport", transport),
                slot_attribute!(StreamWriter, "_protocol", protocol),
                slot_attribute!(StreamWriter, "_reader", reader),
                slot_attribute!(StreamWriter, "_loop", event_loop),
            ],
            ..Default::default()
        },
    )?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&DRAIN])?;
    Ok(class)
}
