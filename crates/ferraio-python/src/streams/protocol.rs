//! StreamReaderProtocol: from the transport to the reader.

use std::cell::Cell;

use super::reader::StreamReader;
use crate::ffi::{Class, ClassCell, Hooks, Import, Name, Obj, Own, Result, Slot, Visit, class};
use crate::{flag_attribute, method, slot, slot_attribute};

/// The protocol of a stream.
#[derive(Default)]
pub struct StreamReaderProtocol {
    /// A weak reference to the reader.
    reader: Slot,
    /// The transport has told us to pause writing.
    paused: Cell<bool>,
    /// The connection is over.
    connection_lost: Cell<bool>,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.streams", "StreamReaderProtocol");
static HOOKS: Hooks<3> =
    Hooks::new([Name::new("_drain_helper"), Name::new("_stream_reader"), Name::new("data_received")]);

static FEED_DATA: Name = Name::new("feed_data");
static STREAM_READER: Name = Name::new("_stream_reader");

impl Class for StreamReaderProtocol {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.StreamReaderProtocol";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's StreamReaderProtocol.";
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(StreamReaderProtocol::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.reader.visit(visit);
    }

    fn clear(&self) {
        self.reader.clear();
    }
}

impl Own<StreamReaderProtocol> {
    /// Are all methods that matter the original ones?
    #[inline(always)]
    pub fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// Would `_drain_helper()` return at once?
    #[inline(always)]
    pub fn has_room(&self) -> Result<bool> {
        Ok(!self.paused.get() && !self.connection_lost.get() && self.is_plain()?)
    }

    /// `data_received(data)`
    #[inline]
    pub fn receive(&self, data: &Obj) -> Result<()> {
        if self.is_plain()? {
            return self.receive_plainly(data);
        }
        let reader = self.obj().attr(&STREAM_READER)?;
        if reader.is_none() { Ok(()) } else { feed(&reader, data) }
    }

    /// The same, if all methods are the original ones.
    #[inline]
    fn receive_plainly(&self, data: &Obj) -> Result<()> {
        let Some(weak) = self.reader.get() else { return Ok(()) };
        match weak.weakly_referenced()? {
            Some(reader) => feed(&reader, data),
            None => Ok(()),
        }
    }
}

#[inline(always)]
fn feed(reader: &Obj, data: &Obj) -> Result<()> {
    match Own::<StreamReader>::from_obj(reader) {
        Some(ours) if ours.is_plain()? => ours.feed_plainly(data),
        _ => reader.call_method(&FEED_DATA, [data]).map(drop),
    }
}

/// `protocol.data_received(data)`; `is_stream` says that the protocol was seen to be one of these.
#[inline(always)]
pub fn give_data(protocol: &Obj, is_stream: bool, data: &Obj) -> Result<()> {
    static DATA_RECEIVED: Name = Name::new("data_received");
    if is_stream
        && let Some(stream) = Own::<StreamReaderProtocol>::from_obj(protocol)
        && stream.is_plain()?
    {
        return stream.receive_plainly(data);
    }
    protocol.call_method(&DATA_RECEIVED, [data]).map(drop)
}

// What Python sees.

fn data_received(this: &Own<StreamReaderProtocol>, data: &Obj) -> Result<Obj> {
    this.receive(data)?;
    Ok(Obj::none())
}

fn set_attribute(this: &Own<StreamReaderProtocol>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    type T = StreamReaderProtocol;
    let class = class::make::<T>(
        module,
        class::ClassParts {
            methods: vec![method!(T, "data_received", one, data_received, "Give what was received to the reader.")],
            attributes: vec![
                slot_attribute!(T, "_stream_reader_wr", reader),
                flag_attribute!(T, "_paused", paused),
                flag_attribute!(T, "_connection_lost", connection_lost),
            ],
            slots: vec![slot!(T, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}
