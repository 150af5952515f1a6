//! From the program to the socket.
//!
//! What is written goes to the kernel at once, if nothing waits before it. What the kernel does not take is queued:
//! `bytes` as they are, anything that may change afterwards as a copy.

use std::io::IoSlice;

use ferraio_core::send_queue::SendQueue;
use ferraio_core::socket::{self, Io};

use super::endpoint::{Phase, Transport};
use super::tcp::SocketTransport;
use crate::error::{Error, os_exception};
use crate::event_loop::Direction;
use crate::ffi::buffer::Buffer;
use crate::ffi::{Obj, Own, Raised, Result};
use crate::imports::{self as py};

/// Bytes that wait to be sent: an exact `bytes` object.
pub(super) struct Chunk(Obj);

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes().unwrap_or_default()
    }
}

impl Chunk {
    /// The object.
    pub(super) fn obj(&self) -> &Obj {
        &self.0
    }
}

/// Bytes that a program wants to send.
pub(super) enum Outgoing {
    /// They never change.
    Bytes(Obj),
    /// They may change when Python code runs again.
    Memory(Buffer),
}

impl Outgoing {
    pub(super) fn new(object: &Obj) -> Result<Self> {
        if object.is_exact_bytes() {
            return Ok(Outgoing::Bytes(object.clone()));
        }
        Buffer::readable(object).map(Outgoing::Memory)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Outgoing::Bytes(object) => object.as_bytes().unwrap_or_default(),
            Outgoing::Memory(buffer) => buffer.bytes(),
        }
    }

    /// What is to be queued after the first `sent` bytes are sent: a chunk, and how much of it is sent.
    pub(super) fn into_chunk(self, sent: usize) -> Result<(Chunk, usize)> {
        match self {
            Outgoing::Bytes(object) => Ok((Chunk(object), sent)),
            Outgoing::Memory(buffer) => Ok((Chunk(Obj::bytes(&buffer.bytes()[sent..])?), 0)),
        }
    }
}

/// How many chunks are sent at once without taking much stack for it.
const FEW_SLICES: usize = 16;
/// How many chunks are sent at once at the most: what kernels take.
const MOST_SLICES: usize = 1024;

/// Sends what is queued, as much as goes at once: by `send` if it lies together, or else by `send_vectored`.
pub(super) fn send_from<T>(
    queue: &SendQueue<Chunk>,
    send: impl FnOnce(&[u8]) -> T,
    send_vectored: impl FnOnce(&[IoSlice<'_>]) -> T,
) -> T {
    let mut chunks = queue.iter();
    match (chunks.next(), chunks.nth(FEW_SLICES - 1)) {
        (Some(_), None) if queue.iter().nth(1).is_none() => send(queue.front().unwrap_or_default()),
        (_, None) => send_vectored(queue.io_slices(&mut [IoSlice::new(&[]); FEW_SLICES])),
        _ => send_vectored(queue.io_slices(&mut [IoSlice::new(&[]); MOST_SLICES])),
    }
}

const WRITE_ERROR: &str = "Fatal write error on socket transport";

impl Own<SocketTransport> {
    /// `write(data)`.
    #[inline]
    pub fn write(&self, data: &Obj) -> Result<()> {
        if !data.is_exact_bytes() && !data.is_bytes_like() {
            return Err(wrong_type(data));
        }
        self.check_writable("Cannot call write() after write_eof()", "unable to write; sendfile is in progress")?;
        if let Some(bytes) = data.as_bytes() {
            if bytes.is_empty() {
                return Ok(());
            }
        } else if data.length()? == 0 {
            return Ok(());
        }
        if self.is_too_late()? {
            return Ok(());
        }
        let outgoing = match Outgoing::new(data) {
            Ok(outgoing) => outgoing,
            Err(raised) => return self.fatal(raised, WRITE_ERROR),
        };
        let bytes = outgoing.bytes();
        let mut sent = 0;
        if self.is_drained() {
            match socket::send(self.endpoint.fd.get(), bytes) {
                Ok(Io::Done(size)) if size == bytes.len() => return Ok(()),
                Ok(Io::Done(size)) => sent = size,
                Ok(Io::Later) => {}
                Err(error) => {
                    drop(outgoing);
                    return self.write_failed(&error);
                }
            }
        }
        self.enqueue([(outgoing, sent)])
    }

    /// `write(data)` for bytes that are in nobody's object.
    pub(super) fn write_memory(&self, data: &[u8]) -> Result<()> {
        self.check_writable("Cannot call write() after write_eof()", "unable to write; sendfile is in progress")?;
        if data.is_empty() || self.is_too_late()? {
            return Ok(());
        }
        let mut sent = 0;
        if self.is_drained() {
            match socket::send(self.endpoint.fd.get(), data) {
                Ok(Io::Done(size)) if size == data.len() => return Ok(()),
                Ok(Io::Done(size)) => sent = size,
                Ok(Io::Later) => {}
                Err(error) => return self.write_failed(&error),
            }
        }
        self.enqueue([(Outgoing::Bytes(Obj::bytes(&data[sent..])?), 0)])
    }

    /// `writelines(list_of_data)`: all of it with one system call, if the kernel takes it.
    pub(super) fn write_lines(&self, lines: &Obj) -> Result<()> {
        let after_eof = if cfg!(Py_3_12) {
            "Cannot call writelines() after write_eof()"
        } else {
            "Cannot call write() after write_eof()"
        };
        self.check_writable(after_eof, "unable to writelines; sendfile is in progress")?;
        let mut outgoing = Vec::new();
        lines.for_each(|line| {
            let line = Outgoing::new(&line)?;
            if !line.bytes().is_empty() {
                outgoing.push(line);
            }
            Ok(())
        })?;
        if outgoing.is_empty() || self.is_too_late()? {
            return Ok(());
        }
        let mut sent = 0;
        if self.is_drained() {
            let slices: Vec<IoSlice<'_>> = outgoing.iter().map(|line| IoSlice::new(line.bytes())).collect();
            match socket::send_vectored(self.endpoint.fd.get(), &slices) {
                Ok(Io::Done(size)) => sent = size,
                Ok(Io::Later) => {}
                Err(error) => {
                    drop(slices);
                    drop(outgoing);
                    return self.write_failed(&error);
                }
            }
        }
        let mut rest = Vec::new();
        for line in outgoing {
            let size = line.bytes().len();
            if sent >= size {
                sent -= size;
            } else {
                rest.push((line, std::mem::take(&mut sent)));
            }
        }
        if rest.is_empty() { Ok(()) } else { self.enqueue(rest) }
    }

    /// `write_eof()`: the peer is told that nothing more comes, when all is sent.
    pub(super) fn write_eof(&self) -> Result<()> {
        if self.is_closing() || self.eof.replace(true) {
            return Ok(());
        }
        if self.is_drained() { self.shut_down() } else { Ok(()) }
    }

    fn shut_down(&self) -> Result<()> {
        socket::shutdown_write(self.endpoint.fd.get()).map_err(|error| Error::from(error).raise())
    }

    #[inline(always)]
    fn check_writable(&self, after_eof: &str, in_sendfile: &str) -> Result<()> {
        if self.eof.get() {
            return Err(Error::runtime(after_eof));
        }
        if self.empty_waiter.is_some() {
            return Err(Error::runtime(in_sendfile));
        }
        Ok(())
    }

    /// Is the connection lost already? Whoever keeps on writing is warned.
    #[inline(always)]
    fn is_too_late(&self) -> Result<bool> {
        if self.endpoint.phase.get() == Phase::Lost {
            return self.count_lost_write().map(|()| true);
        }
        if !self.endpoint.has_socket() {
            return Err(Error::runtime("the transport is not connected"));
        }
        Ok(false)
    }

    #[cold]
    fn write_failed(&self, error: &std::io::Error) -> Result<()> {
        self.fatal_error(&os_exception(error)?, WRITE_ERROR)
    }

    /// Queues what the kernel did not take, and watches until it takes more.
    fn enqueue(&self, outgoing: impl IntoIterator<Item = (Outgoing, usize)>) -> Result<()> {
        for (outgoing, sent) in outgoing {
            let (chunk, sent) = outgoing.into_chunk(sent)?;
            self.queue.borrow_mut().push_from(chunk, sent);
        }
        self.watch(Direction::Write, true)?;
        self.maybe_pause_protocol()
    }

    /// The fd is writable. Another callback may have dropped what waited since the loop saw that.
    pub(super) fn write_ready(&self) -> Result<()> {
        if self.endpoint.phase.get() == Phase::Lost || self.is_drained() {
            return Ok(());
        }
        match self.send_queued() {
            Ok(Io::Later) => return Ok(()),
            Ok(Io::Done(size)) => {
                let finished = self.queue.borrow_mut().advance(size);
                drop(finished);
            }
            Err(error) => return self.queued_write_failed(&error),
        }
        self.maybe_resume_protocol()?; // It may write more.
        if !self.is_drained() || self.endpoint.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.watch(Direction::Write, false)?;
        if let Some(waiter) = self.empty_waiter.get() {
            waiter.call_method(&py::SET_RESULT, [&Obj::none()])?;
        }
        if self.endpoint.phase.get() == Phase::Closing {
            return self.finish_closing();
        }
        if self.eof.get() { self.shut_down() } else { Ok(()) }
    }

    fn send_queued(&self) -> std::io::Result<Io<usize>> {
        let fd = self.endpoint.fd.get();
        send_from(&self.queue.borrow(), |bytes| socket::send(fd, bytes), |slices| socket::send_vectored(fd, slices))
    }

    #[cold]
    fn queued_write_failed(&self, error: &std::io::Error) -> Result<()> {
        let error = os_exception(error)?;
        self.fatal_error(&error, WRITE_ERROR)?;
        match self.empty_waiter.get() {
            Some(waiter) => waiter.call_method(&py::SET_EXCEPTION, [&error]).map(drop),
            None => Ok(()),
        }
    }
}

#[cold]
fn wrong_type(data: &Obj) -> Raised {
    let given = data.type_name();
    Error::type_(if cfg!(Py_3_14) {
        format!("data argument must be a bytes, bytearray, or memoryview object, not '{given}'")
    } else {
        format!("data argument must be a bytes-like object, not '{given}'")
    })
}
