//! The end of a pipe that is written.

use std::cell::{Cell, RefCell};

use ferraio_core::pipe::{self, Kind};
use ferraio_core::send_queue::SendQueue;
use ferraio_core::socket::Io;

use super::{begin, describe, log_closed_by_peer, set_pipe};
use crate::error::{Error, os_exception};
use crate::event_loop::{Direction, Target};
use crate::ffi::{Args, Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Visit, class, exception};
use crate::imports as py;
use crate::transport::endpoint::{Endpoint, Phase, Transport, class as of_all};
use crate::transport::writing::{Chunk, Outgoing, send_from};
use crate::{attribute, method, parts_for_writing, parts_of_transport, slot};

/// A transport.
pub struct WritePipeTransport {
    endpoint: Endpoint,
    /// What waits to be written.
    queue: RefCell<SendQueue<Chunk>>,
    /// How many writes failed, or came too late.
    lost_writes: Cell<u32>,
    /// Does the kernel tell when nobody reads any more? The fd becomes readable then.
    hears_of_the_end: Cell<bool>,
}

type T = WritePipeTransport;

static CELL: ClassCell = ClassCell::new();

const WRITE_ERROR: &str = "Fatal write error on pipe transport";

impl Class for WritePipeTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.WritePipeTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for the end of a pipe that is written.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const NEW: Option<fn() -> Self> = Some(WritePipeTransport::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.endpoint.traverse(visit);
    }

    fn clear(&self) {
        self.endpoint.clear();
    }

    fn needs_finalizer(&self) -> bool {
        self.endpoint.has_socket()
    }

    fn finalize(this: &Own<Self>) {
        this.abandon();
    }
}

impl WritePipeTransport {
    fn uninitialised() -> Self {
        WritePipeTransport {
            endpoint: Endpoint::uninitialised(),
            queue: RefCell::default(),
            lost_writes: Cell::new(0),
            hears_of_the_end: Cell::new(false),
        }
    }
}

impl Transport for WritePipeTransport {
    const FATAL_ERROR: &'static str = "Fatal error on pipe transport";
    const IS_PIPE: bool = true;

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn target(this: Own<Self>) -> Target {
        Target::WritePipe(this)
    }

    fn is_drained(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    fn queued_bytes(&self) -> usize {
        self.queue.borrow().len()
    }

    fn drop_queue(&self) {
        let chunks = self.queue.borrow_mut().take_all();
        drop(chunks);
    }

    fn write_ready_name() -> &'static Name {
        static WRITE_READY: Name = Name::new("_write_ready");
        &WRITE_READY
    }

    fn read_ready(this: &Own<Self>) -> Result<()> {
        this.nobody_reads()
    }

    fn write_ready(this: &Own<Self>) -> Result<()> {
        this.write_ready()
    }

    fn begins_to_read(&self) -> bool {
        self.hears_of_the_end.get()
    }
}

impl Own<WritePipeTransport> {
    fn write(&self, data: &Obj) -> Result<()> {
        if !data.is_bytes_like() {
            return Err(Raised::text(&exception::assertion_error(), &data.repr_text()));
        }
        if data.length()? == 0 {
            return Ok(());
        }
        if self.is_closing() || self.lost_writes.get() > 0 {
            return self.count_late_write();
        }
        let outgoing = match Outgoing::new(data) {
            Ok(outgoing) => outgoing,
            Err(raised) => {
                self.lost_writes.set(1);
                return self.fatal(raised, WRITE_ERROR);
            }
        };
        let bytes = outgoing.bytes();
        let mut written = 0;
        if self.is_drained() {
            match pipe::write(self.fd()?, bytes) {
                Ok(Io::Done(size)) if size == bytes.len() => return Ok(()),
                Ok(Io::Done(size)) => written = size,
                Ok(Io::Later) => {}
                Err(error) => {
                    drop(outgoing);
                    return self.write_failed(&error);
                }
            }
        }
        let (chunk, written) = outgoing.into_chunk(written)?;
        self.queue.borrow_mut().push_from(chunk, written);
        self.watch(Direction::Write, true)?;
        self.maybe_pause_protocol()
    }

    fn fd(&self) -> Result<i32> {
        if self.endpoint.has_socket() { Ok(self.endpoint.fd.get()) } else { Err(Error::runtime(T::WITHOUT_LOOP)) }
    }

    /// Whoever keeps on writing to a pipe that nobody reads is warned.
    #[cold]
    fn count_late_write(&self) -> Result<()> {
        static LOG: Import = Import::new("ferraio._cold", "log_lost_pipe_write");
        let count = self.lost_writes.get();
        self.lost_writes.set(count.saturating_add(1));
        LOG.get()?.call([&Obj::int(count.into())?]).map(drop)
    }

    #[cold]
    fn write_failed(&self, error: &std::io::Error) -> Result<()> {
        self.drop_queue();
        self.lost_writes.set(self.lost_writes.get().saturating_add(1));
        self.fatal_error(&os_exception(error)?, WRITE_ERROR)
    }

    /// The fd is writable. Another callback may have dropped what waited since the loop saw that.
    fn write_ready(&self) -> Result<()> {
        if self.endpoint.phase.get() == Phase::Lost || self.is_drained() {
            return Ok(());
        }
        match self.write_queued() {
            Ok(Io::Later) => return Ok(()),
            Ok(Io::Done(size)) => {
                let finished = self.queue.borrow_mut().advance(size);
                drop(finished);
            }
            Err(error) => return self.write_failed(&error),
        }
        if !self.is_drained() {
            return Ok(());
        }
        self.watch(Direction::Write, false)?;
        self.maybe_resume_protocol()?; // It may write more, or close.
        if self.is_drained() && self.endpoint.phase.get() == Phase::Closing { self.finish_closing() } else { Ok(()) }
    }

    fn write_queued(&self) -> std::io::Result<Io<usize>> {
        let fd = self.endpoint.fd.get();
        send_from(&self.queue.borrow(), |bytes| pipe::write(fd, bytes), |slices| pipe::write_vectored(fd, slices))
    }

    /// The other end is closed.
    fn nobody_reads(&self) -> Result<()> {
        if !self.endpoint.reads.get() {
            return Ok(());
        }
        log_closed_by_peer(self)?;
        if self.is_drained() {
            return self.force_close(&Obj::none());
        }
        self.force_close(&exception::broken_pipe_error().call0()?)
    }
}

fn init(this: &Own<T>, args: Args<'_>) -> Result<()> {
    begin(this, "WritePipeTransport", args, |kind| {
        this.hears_of_the_end.set(matches!(kind, Kind::Pipe | Kind::Socket));
        match kind {
            Kind::Other => Err("Pipe transport is only for pipes, sockets and character devices"),
            _ => Ok(()),
        }
    })
}

fn write(this: &Own<T>, data: &Obj) -> Result<Obj> {
    this.write(data)?;
    Ok(Obj::none())
}

fn can_write_eof(_: &Own<T>) -> Result<Obj> {
    Ok(Obj::bool(true))
}

fn buffer(this: &Own<T>) -> Result<Obj> {
    static BYTEARRAY: Import = Import::new("builtins", "bytearray");
    let waiting = this.queue.borrow().unsent().collect::<Vec<_>>().concat();
    BYTEARRAY.get()?.call([&Obj::bytes(&waiting)?])
}

fn lost_writes(this: &Own<T>) -> Result<Obj> {
    Obj::int(this.lost_writes.get().into())
}

fn repr(this: &Own<T>) -> Result<Obj> {
    let mut info = describe(this, this.endpoint.writes.get());
    if this.endpoint.has_socket() && this.endpoint.has_open_loop() {
        info.push(format!("bufsize={}", this.queued_bytes()));
    }
    Obj::str(&format!("<{}>", info.join(" ")))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut parts = parts_of_transport!(T, &of_all::base()?);
    parts_for_writing!(parts, T);
    parts.methods.extend([
        method!(
            T,
            "write",
            one_named(&py::DATA),
            write,
            "write(data)\n\nWrite bytes without blocking; what cannot be written at once is queued."
        ),
        method!(T, "write_eof", noargs, of_all::close, "Close the transport, after what is queued is written."),
        method!(T, "can_write_eof", noargs, can_write_eof, "Can write_eof() be called? Yes."),
        method!(T, "_write_ready", noargs, of_all::write_ready, "Write what is queued, as much as there is room for."),
    ]);
    parts.attributes.extend([
        attribute!(T, "_pipe", of_all::sock, set_pipe),
        attribute!(T, "_fileno", of_all::fd),
        attribute!(T, "_buffer", buffer),
        attribute!(T, "_conn_lost", lost_writes),
    ]);
    parts.slots.extend([slot!(T, init, init), slot!(T, repr, repr)]);
    class::make::<T>(module, parts)
}
