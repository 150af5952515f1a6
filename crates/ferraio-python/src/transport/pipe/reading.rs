//! The end of a pipe that is read.

use ferraio_core::pipe::{self, Kind};
use ferraio_core::socket::Io;

use super::{begin, describe, log_closed_by_peer, set_pipe};
use crate::error::os_exception;
use crate::event_loop::Target;
use crate::ffi::{Args, Class, ClassCell, Name, Obj, Own, Result, Visit, class};
use crate::streams::protocol::give_data;
use crate::transport::endpoint::{Endpoint, Transport, class as of_all};
use crate::{attribute, parts_for_reading, parts_of_transport, slot};

/// A transport.
pub struct ReadPipeTransport {
    endpoint: Endpoint,
}

type T = ReadPipeTransport;

static CELL: ClassCell = ClassCell::new();

impl Class for ReadPipeTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.ReadPipeTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for the end of a pipe that is read.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const NEW: Option<fn() -> Self> = Some(|| T { endpoint: Endpoint::uninitialised() });

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

impl Transport for ReadPipeTransport {
    const FATAL_ERROR: &'static str = "Fatal error on pipe transport";
    const IS_PIPE: bool = true;

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn target(this: Own<Self>) -> Target {
        Target::ReadPipe(this)
    }

    fn is_drained(&self) -> bool {
        true
    }

    fn queued_bytes(&self) -> usize {
        0
    }

    fn drop_queue(&self) {}

    fn write_ready_name() -> &'static Name {
        unreachable!("nobody waits to write")
    }

    fn read_ready(this: &Own<Self>) -> Result<()> {
        this.read_ready()
    }

    fn write_ready(_: &Own<Self>) -> Result<()> {
        Ok(())
    }

    /// What a terminal says when the other end is closed.
    fn is_usual(error: &Obj) -> Result<bool> {
        static ERRNO: Name = Name::new("errno");
        if !error.is_real_instance(&crate::ffi::exception::os_error()) {
            return Ok(false);
        }
        Ok(error.attr(&ERRNO)?.exact_i64() == Some(libc::EIO.into()))
    }
}

impl Own<ReadPipeTransport> {
    /// The fd is readable. Another callback may have stopped the reading since the loop saw that.
    fn read_ready(&self) -> Result<()> {
        if !self.endpoint.reads.get() {
            return Ok(());
        }
        let event_loop = self.event_loop()?;
        let mut buffer = event_loop.take_read_buffer();
        let outcome = pipe::read(self.endpoint.fd.get(), &mut buffer);
        let data = match outcome {
            Ok(Io::Done(size)) if size > 0 => Some(Obj::bytes(&buffer[..size])),
            _ => None,
        };
        event_loop.put_read_buffer(buffer);
        match (data, outcome) {
            (Some(data), _) => give_data(&self.endpoint.protocol.get_or_none(), true, &data?),
            (None, Ok(Io::Later)) => Ok(()),
            (None, Ok(Io::Done(_))) => self.end_of_pipe(),
            (None, Err(error)) => self.fatal_error(&os_exception(&error)?, "Fatal read error on pipe transport"),
        }
    }

    /// Nobody writes any more.
    fn end_of_pipe(&self) -> Result<()> {
        static EOF_RECEIVED: Name = Name::new("eof_received");
        log_closed_by_peer(self)?;
        self.call_soon(&self.endpoint.protocol.get_or_none().attr(&EOF_RECEIVED)?, None)?;
        self.lose(&Obj::none())
    }
}

fn init(this: &Own<T>, args: Args<'_>) -> Result<()> {
    begin(this, "ReadPipeTransport", args, |kind| match kind {
        Kind::Other => Err("Pipe transport is for pipes/sockets only."),
        _ => Ok(()),
    })
}

fn repr(this: &Own<T>) -> Result<Obj> {
    Obj::str(&format!("<{}>", describe(this, this.endpoint.reads.get()).join(" ")))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    static READ_TRANSPORT: Name = Name::new("ReadTransport");
    let mut parts = parts_of_transport!(T, &Obj::import("asyncio.transports")?.attr(&READ_TRANSPORT)?);
    parts_for_reading!(parts, T);
    parts.attributes.extend([attribute!(T, "_pipe", of_all::sock, set_pipe), attribute!(T, "_fileno", of_all::fd)]);
    parts.slots.extend([slot!(T, init, init), slot!(T, repr, repr)]);
    class::make::<T>(module, parts)
}
