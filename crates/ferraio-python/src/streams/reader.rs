//! StreamReader: what has arrived, and the one who waits for more.
//!
//! Bytes that arrive while nothing else is there stay the very object that the transport has made (`fresh`), and a read
//! that asks for all of it gets that object: nothing is copied. In any other case, and as soon as somebody looks at
//! `_buffer`, they go to a `bytearray` as in asyncio. Never is something in both.

use std::cell::Cell;

use crate::async_call::{AsyncCall, Body, Step};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::byte_array::ByteArray;
use crate::ffi::{
    Args, Class, ClassCell, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, async_function, class,
    exception,
};
use crate::future::{Future, State};
use crate::imports::{self as py};
use crate::{attribute, flag_attribute, method, slot, slot_attribute};

/// A reader.
#[derive(Default)]
pub struct StreamReader {
    event_loop: Slot,
    /// A `bytes` object that has just arrived.
    fresh: Slot,
    /// A `bytearray`, as asyncio's own code sees it; empty while there is something fresh.
    buffer: Slot,
    /// A future, while somebody waits for data.
    waiter: Slot,
    /// The future of the last wait, which may do for the next one.
    spent_waiter: Slot<Own<Future>>,
    exception: Slot,
    transport: Slot,
    /// How much a line may hold, as it was given.
    given_limit: Slot,
    /// The same as a number of bytes.
    limit: Cell<usize>,
    /// So many bytes are known to hold no newline.
    searched: Cell<usize>,
    /// Nothing more will arrive.
    eof: Cell<bool>,
    /// The transport was told to pause.
    paused: Cell<bool>,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.streams", "StreamReader");
static HOOKS: Hooks<7> = Hooks::new([
    Name::new("feed_data"),
    Name::new("_wait_for_data"),
    Name::new("_wakeup_waiter"),
    Name::new("_maybe_resume_transport"),
    Name::new("exception"),
    Name::new("read"),
    Name::new("readuntil"),
]);

static FEED_DATA: Name = Name::new("feed_data");
static READ: Name = Name::new("read");
static READLINE: Name = Name::new("readline");
static READEXACTLY: Name = Name::new("readexactly");
static PAUSE_READING: Name = Name::new("pause_reading");
static RESUME_READING: Name = Name::new("resume_reading");

impl Class for StreamReader {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.StreamReader";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.StreamReader.";
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(StreamReader::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        for slot in self.slots() {
            slot.visit(visit);
        }
        self.spent_waiter.visit(visit);
    }

    fn clear(&self) {
        for slot in self.slots() {
            slot.clear();
        }
        self.spent_waiter.clear();
    }
}

/// What a read asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `read(n)`: something, but no more than so much.
    Most(i64),
    /// `readexactly(n)`: just so much.
    Exactly(i64),
    /// `readline()`.
    Line,
}

impl Wanted {
    /// The qualified name of the method in asyncio.
    pub fn name(self) -> &'static str {
        match self {
            Wanted::Most(_) => "StreamReader.read",
            Wanted::Exactly(_) => "StreamReader.readexactly",
            Wanted::Line => "StreamReader.readline",
        }
    }

    /// The method that asyncio names when two tasks read at the same time.
    fn reading_method(self) -> &'static str {
        match self {
            Wanted::Most(_) => "read",
            Wanted::Exactly(_) => "readexactly",
            Wanted::Line => "readuntil",
        }
    }
}

/// What is to be done for a read now.
enum Progress {
    /// Take so many bytes.
    Take(usize),
    /// Wait for more.
    Wait,
    /// It is a case for asyncio's own method.
    Unusual,
}

impl StreamReader {
    fn slots(&self) -> [&Slot; 7] {
        let StreamReader { event_loop, fresh, buffer, waiter, exception, transport, given_limit, .. } = self;
        [event_loop, fresh, buffer, waiter, exception, transport, given_limit]
    }

    /// Shows what is there to `look`, which runs no Python code.
    #[inline(always)]
    fn with_bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        if let Some(fresh) = self.fresh.get() {
            return look(fresh.as_bytes().unwrap_or_default());
        }
        let buffer = self.buffer.get_or_none();
        match ByteArray::from_exact(&buffer) {
            Some(buffer) => buffer.with_bytes(look),
            None => look(&[]),
        }
    }

    /// Puts what is fresh into the buffer, where everybody may look at it.
    fn settle(&self) -> Result<()> {
        let Some(fresh) = self.fresh.take() else { return Ok(()) };
        match ByteArray::from_exact(&self.buffer.get_or_none()) {
            Some(buffer) => buffer.extend(fresh.as_bytes().unwrap_or_default()),
            None => Ok(()),
        }
    }

    fn take(&self, count: usize) -> Result<Obj> {
        self.searched.set(0);
        if let Some(fresh) = self.fresh.get() {
            if fresh.as_bytes().is_some_and(|bytes| bytes.len() == count) {
                self.fresh.clear();
                return Ok(fresh);
            }
            self.settle()?;
        }
        match ByteArray::from_exact(&self.buffer.get_or_none()) {
            Some(buffer) if count > 0 => buffer.take_front(count),
            _ => Obj::bytes(&[]),
        }
    }

    fn find_newline(&self, bytes: &[u8]) -> Option<usize> {
        let from = self.searched.get().min(bytes.len());
        self.searched.set(bytes.len());
        bytes[from..].iter().position(|byte| *byte == b'\n').map(|index| from + index)
    }

    /// What is to be done for this read now?
    #[inline(always)]
    fn progress(&self, wanted: Wanted) -> Progress {
        self.with_bytes(|bytes| match wanted {
            Wanted::Most(most) if most >= 0 => match bytes.len().min(most as usize) {
                0 if most > 0 && !self.eof.get() => Progress::Wait,
                count => Progress::Take(count),
            },
            Wanted::Exactly(count) if count >= 0 => match count as usize {
                count if count <= bytes.len() => Progress::Take(count),
                _ if self.eof.get() => Progress::Unusual,
                _ => Progress::Wait,
            },
            Wanted::Line => match self.find_newline(bytes) {
                Some(index) if index <= self.limit.get() => Progress::Take(index + 1),
                None if bytes.len() <= self.limit.get() && !self.eof.get() => Progress::Wait,
                _ => Progress::Unusual,
            },
            Wanted::Most(_) | Wanted::Exactly(_) => Progress::Unusual,
        })
    }
}

impl Own<StreamReader> {
    /// Are all methods that matter the original ones?
    #[inline(always)]
    pub fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// What `exception()` says, if nobody has overridden it.
    pub fn plain_exception(&self) -> Result<Option<Obj>> {
        if self.is_plain()? {
            return Ok(Some(self.exception.get_or_none()));
        }
        Ok(None)
    }

    /// The first step of a read.
    #[inline]
    pub fn read(&self, wanted: Wanted) -> Result<Step> {
        if !self.is_plain()? {
            return self.delegate(wanted);
        }
        if self.exception.is_some() && !matches!(wanted, Wanted::Most(n) | Wanted::Exactly(n) if n < 0) {
            let error = self.exception.get_or_none();
            return if error.is_exception() { Err(Raised::raise(&error)) } else { self.delegate(wanted) };
        }
        self.go_on(wanted)
    }

    /// The wait of a read is over.
    pub fn read_on(&self, wanted: Wanted, waiter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        self.waiter.clear();
        match error {
            None => {
                if !waiter.obj().is_weakly_referenced() {
                    self.spent_waiter.set(waiter.clone());
                }
                self.go_on(wanted)
            }
            Some(error) => Err(Raised::exception(error)),
        }
    }

    #[inline(always)]
    fn go_on(&self, wanted: Wanted) -> Result<Step> {
        match self.progress(wanted) {
            Progress::Take(count) => {
                let taken = self.take(count)?;
                // Who wants nothing changes nothing.
                if self.paused.get() && !matches!(wanted, Wanted::Most(0) | Wanted::Exactly(0)) {
                    self.maybe_resume_transport()?;
                }
                Ok(Step::Return(taken))
            }
            Progress::Wait => self.wait(wanted),
            Progress::Unusual => self.delegate(wanted),
        }
    }

    fn wait(&self, wanted: Wanted) -> Result<Step> {
        let event_loop = self.event_loop.get_or_none();
        let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop).filter(|ours| ours.is_direct()) else {
            return self.delegate(wanted);
        };
        if self.waiter.is_some() {
            return Err(Error::runtime(format!(
                "{}() called while another coroutine is already waiting for incoming data",
                wanted.reading_method()
            )));
        }
        if self.paused.get() {
            // Somebody waits for more than there is room for.
            self.resume_transport()?;
        }
        let waiter = match self.spent_waiter.take() {
            Some(spent) => Future::create_in_place_of(spent, event_loop)?,
            None => Future::create(event_loop)?,
        };
        self.waiter.set(waiter.obj().clone());
        Ok(Step::Wait(waiter))
    }

    /// asyncio's own coroutine for it.
    #[cold]
    fn delegate(&self, wanted: Wanted) -> Result<Step> {
        let original = ORIGINAL.get()?;
        match wanted {
            Wanted::Most(count) => original.attr(&READ)?.call([self.obj(), &Obj::int(count)?]),
            Wanted::Exactly(count) => original.attr(&READEXACTLY)?.call([self.obj(), &Obj::int(count)?]),
            Wanted::Line => original.attr(&READLINE)?.call([self.obj()]),
        }
        .map(Step::Delegate)
    }

    /// `feed_data(data)`
    fn feed(&self, data: &Obj) -> Result<()> {
        if self.is_plain()? { self.feed_plainly(data) } else { self.feed_originally(data) }
    }

    /// The same, if all methods are the original ones.
    #[inline]
    pub fn feed_plainly(&self, data: &Obj) -> Result<()> {
        let Some(bytes) = data.as_bytes().filter(|bytes| !self.eof.get() && !bytes.is_empty()) else {
            return self.feed_originally(data);
        };
        let buffer = self.buffer.get_or_none();
        let Some(buffer) = ByteArray::from_exact(&buffer) else { return self.feed_originally(data) };
        if buffer.is_empty() && !self.fresh.is_some() {
            self.fresh.set(data.clone());
        } else {
            self.settle()?;
            buffer.extend(bytes)?;
        }
        if let Some(waiter) = self.waiter.take() {
            wake(&waiter)?;
        }
        let size = self.with_bytes(<[u8]>::len);
        if !self.paused.get() && size > self.limit.get().saturating_mul(2) { self.pause_transport() } else { Ok(()) }
    }

    #[cold]
    fn feed_originally(&self, data: &Obj) -> Result<()> {
        ORIGINAL.get()?.attr(&FEED_DATA)?.call([self.obj(), data]).map(drop)
    }

    /// Too much has arrived that nobody reads.
    #[cold]
    fn pause_transport(&self) -> Result<()> {
        let Some(transport) = self.transport.get() else { return Ok(()) };
        match transport.call_method(&PAUSE_READING, []) {
            Ok(_) => self.paused.set(true),
            Err(raised) if raised.matches(&exception::not_implemented_error()) => {
                // It cannot be paused; we do not try again.
                raised.clear();
                self.transport.clear();
            }
            Err(raised) => return Err(raised),
        }
        Ok(())
    }

    #[cold]
    fn maybe_resume_transport(&self) -> Result<()> {
        if self.with_bytes(<[u8]>::len) <= self.limit.get() { self.resume_transport() } else { Ok(()) }
    }

    #[cold]
    fn resume_transport(&self) -> Result<()> {
        self.paused.set(false);
        self.transport.get_or_none().call_method(&RESUME_READING, []).map(drop)
    }
}

/// `if not waiter.cancelled(): waiter.set_result(None)`
#[inline(always)]
fn wake(waiter: &Obj) -> Result<()> {
    match Own::<Future>::from_exact(waiter) {
        Some(future) if future.state() == State::Cancelled => Ok(()),
        Some(future) => future.finish(Obj::none()),
        None => crate::sync::wake(waiter, Obj::none()).map(drop),
    }
}

// What Python sees.

fn feed_data(this: &Own<StreamReader>, data: &Obj) -> Result<Obj> {
    this.feed(data)?;
    Ok(Obj::none())
}

static N: Name = Name::new("n");

fn read(this: &Own<StreamReader>, args: Args<'_>) -> Result<Obj> {
    let [most] = args.bind("read", [&N], 0, 1)?;
    let most = most.map_or(Ok(-1), |most| most.as_i64())?;
    AsyncCall::create(Body::StreamRead(this.clone(), Wanted::Most(most)))
}

fn read_exactly(this: &Own<StreamReader>, args: Args<'_>) -> Result<Obj> {
    let [count] = args.bind("readexactly", [&N], 1, 1)?;
    let count = count.map_or(Ok(-1), |count| count.as_i64())?;
    AsyncCall::create(Body::StreamRead(this.clone(), Wanted::Exactly(count)))
}

fn read_line(this: &Own<StreamReader>) -> Result<Obj> {
    AsyncCall::create(Body::StreamRead(this.clone(), Wanted::Line))
}

fn buffer(this: &Own<StreamReader>) -> Result<Obj> {
    this.settle()?;
    this.searched.set(0);
    Ok(this.buffer.get_or_none())
}

fn set_buffer(this: &Own<StreamReader>, value: Option<&Obj>) -> Result<()> {
    this.fresh.clear();
    this.searched.set(0);
    drop(this.buffer.replace(value.cloned()));
    Ok(())
}

fn limit(this: &Own<StreamReader>) -> Result<Obj> {
    Ok(this.given_limit.get_or_none())
}

fn set_limit(this: &Own<StreamReader>, value: Option<&Obj>) -> Result<()> {
    let value = value.ok_or_else(|| Error::type_("_limit cannot be deleted"))?;
    this.limit.set(value.as_f64()?.floor() as usize);
    this.given_limit.set(value.clone());
    Ok(())
}

fn set_attribute(this: &Own<StreamReader>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<StreamReader>(
        module,
        class::ClassParts {
            methods: vec![
                method!(
                    StreamReader,
                    "feed_data",
                    one_named(&py::DATA),
                    feed_data,
                    "Take in what has arrived, and wake who waits for it."
                ),
                method!(
                    StreamReader,
                    "read",
                    keywords,
                    read,
                    "Read up to n bytes, as soon as there are any; without n, all until the end. At the end: b\"\"."
                ),
                method!(
                    StreamReader,
                    "readexactly",
                    keywords,
                    read_exactly,
                    "Read exactly n bytes, or raise IncompleteReadError."
                ),
                method!(
                    StreamReader,
                    "readline",
                    noargs,
                    read_line,
                    "Read a line with its newline; at the end of the stream, what there is."
                ),
            ],
            attributes: vec![
                attribute!(StreamReader, "_buffer", buffer, set_buffer),
                attribute!(StreamReader, "_limit", limit, set_limit),
                flag_attribute!(StreamReader, "_eof", eof),
                flag_attribute!(StreamReader, "_paused", paused),
                slot_attribute!(StreamReader, "_waiter", waiter),
                slot_attribute!(StreamReader, "_exception", exception),
                slot_attribute!(StreamReader, "_transport", transport),
                slot_attribute!(StreamReader, "_loop", event_loop),
            ],
            slots: vec![slot!(StreamReader, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&READ, &READEXACTLY, &READLINE])?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}
