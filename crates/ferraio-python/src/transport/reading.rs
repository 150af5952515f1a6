//! From the socket to the protocol.
//!
//! Each time the fd is readable there is one `recv`: into the loop's one buffer, of which the protocol gets a copy of just
//! the right size; straight into a `bytes` object, where much has come the last time (`echo.protocol_*` in the benches); or
//! into the memory that a `BufferedProtocol` offers. Should there be more, the loop says so again.

use ferraio_core::socket::{self, Io};

use super::endpoint::Phase;
use super::tcp::{Delivery, SocketTransport};
use super::tls::TlsProtocol;
use crate::error::{Error, os_exception};
use crate::event_loop::{Direction, EventLoop, READ_SIZE};
use crate::ffi::buffer::Buffer;
use crate::ffi::received_bytes::WORTH_REUSING;
use crate::ffi::{Import, Name, Obj, Own, Result};
use crate::streams::protocol::{StreamReaderProtocol, give_data};

static GET_BUFFER: Name = Name::new("get_buffer");
static BUFFER_UPDATED: Name = Name::new("buffer_updated");
static EOF_RECEIVED: Name = Name::new("eof_received");

/// Why there is nothing.
enum Nothing {
    /// It has not arrived yet.
    Yet,
    /// The stream has ended.
    End,
    Failed(std::io::Error),
}

impl<T> From<std::io::Result<Io<T>>> for Nothing {
    fn from(outcome: std::io::Result<Io<T>>) -> Self {
        match outcome {
            Ok(Io::Done(_)) => Nothing::End,
            Ok(Io::Later) => Nothing::Yet,
            Err(error) => Nothing::Failed(error),
        }
    }
}

impl Own<SocketTransport> {
    /// Gives the connection to another protocol.
    pub(super) fn set_protocol(&self, protocol: &Obj) -> Result<()> {
        static BUFFERED: Import = Import::new("asyncio.protocols", "BufferedProtocol");
        self.delivery.set(if Own::<TlsProtocol>::from_obj(protocol).is_some() {
            Delivery::Tls
        } else if protocol.is_instance(BUFFERED.get()?)? {
            Delivery::Buffer
        } else if Own::<StreamReaderProtocol>::from_obj(protocol).is_some() {
            Delivery::Stream
        } else {
            Delivery::Data
        });
        self.endpoint.protocol.set(protocol.clone());
        self.protocol_is_connected.set(true);
        Ok(())
    }

    /// The fd is readable. Another callback may have stopped the reading since the loop saw that.
    #[inline(always)]
    pub(super) fn read_ready(&self) -> Result<()> {
        if !self.endpoint.reads.get() || self.endpoint.phase.get() == Phase::Lost {
            return Ok(());
        }
        match self.delivery.get() {
            Delivery::Data | Delivery::Stream => self.receive_data(),
            Delivery::Buffer => self.receive_into_buffer(),
            Delivery::Tls => self.receive_tls(),
        }
    }

    fn receive_data(&self) -> Result<()> {
        let event_loop = self.event_loop()?;
        match self.expected.get() {
            0 => self.receive_through_shared_buffer(&event_loop),
            room => self.receive_directly(&event_loop, room),
        }
    }

    /// Nobody knows how much will come: most often it is little.
    #[inline]
    fn receive_through_shared_buffer(&self, event_loop: &Own<EventLoop>) -> Result<()> {
        let mut buffer = event_loop.take_read_buffer();
        let outcome = socket::recv(self.endpoint.fd.get(), &mut buffer);
        let data = match outcome {
            Ok(Io::Done(size)) if size > 0 => Some(Obj::bytes(&buffer[..size])),
            _ => None,
        };
        event_loop.put_read_buffer(buffer);
        match (data, outcome) {
            (Some(data), Ok(Io::Done(size))) => {
                if size >= WORTH_REUSING {
                    self.expected.set((size + 1).next_multiple_of(64).min(READ_SIZE));
                }
                self.deliver(&data?)
            }
            (_, outcome) => self.nothing_received(Nothing::from(outcome)),
        }
    }

    /// About as much comes as the last time: the protocol gets the very memory into which it was received.
    #[inline]
    fn receive_directly(&self, event_loop: &Own<EventLoop>, room: usize) -> Result<()> {
        let received = match event_loop.spare_bytes.receive(self.endpoint.fd.get(), room)? {
            Ok(Io::Done(Some(received))) => received,
            outcome => return self.nothing_received(Nothing::from(outcome)),
        };
        let size = received.data.as_bytes().map_or(0, <[u8]>::len);
        if size >= room && room < READ_SIZE || size < room / 4 {
            self.expected.set(0);
        }
        let outcome = self.deliver(&received.data);
        event_loop.spare_bytes.give_back(received);
        outcome
    }

    #[inline(always)]
    fn deliver(&self, data: &Obj) -> Result<()> {
        let Some(protocol) = self.endpoint.protocol.get() else { return Ok(()) };
        match give_data(&protocol, self.delivery.get() == Delivery::Stream, data) {
            Ok(()) => Ok(()),
            Err(raised) => self.fatal(raised, "Fatal error: protocol.data_received() call failed."),
        }
    }

    fn receive_tls(&self) -> Result<()> {
        let Some(protocol) = self.endpoint.protocol.get() else { return Ok(()) };
        let tls = match Own::<TlsProtocol>::from_obj(&protocol) {
            Some(tls) if tls.is_plain()? => tls,
            _ => return self.receive_into_buffer(),
        };
        let event_loop = self.event_loop()?;
        let mut buffer = event_loop.take_read_buffer();
        let received = match socket::recv(self.endpoint.fd.get(), &mut buffer) {
            Ok(Io::Done(size)) if size > 0 => Ok(tls.receive(&buffer[..size])),
            outcome => Err(Nothing::from(outcome)),
        };
        event_loop.put_read_buffer(buffer);
        match received {
            Ok(Ok(())) => Ok(()),
            Ok(Err(raised)) => self.fatal(raised, "Fatal error: protocol.buffer_updated() call failed."),
            Err(nothing) => self.nothing_received(nothing),
        }
    }

    fn receive_into_buffer(&self) -> Result<()> {
        let Some(protocol) = self.endpoint.protocol.get() else { return Ok(()) };
        let memory = match self.offered_memory(&protocol) {
            Ok(memory) => memory,
            Err(raised) => return self.fatal(raised, "Fatal error: protocol.get_buffer() call failed."),
        };
        let outcome = match Buffer::writable(&memory) {
            Ok(mut buffer) => socket::recv(self.endpoint.fd.get(), buffer.bytes_mut()),
            Err(raised) => return self.fatal(raised, "Fatal read error on socket transport"),
        };
        drop(memory);
        match outcome {
            Ok(Io::Done(size)) if size > 0 => match protocol.call_method(&BUFFER_UPDATED, [&Obj::int(size as i64)?]) {
                Ok(_) => Ok(()),
                Err(raised) => self.fatal(raised, "Fatal error: protocol.buffer_updated() call failed."),
            },
            outcome => self.nothing_received(Nothing::from(outcome)),
        }
    }

    fn offered_memory(&self, protocol: &Obj) -> Result<Obj> {
        let memory = protocol.call_method(&GET_BUFFER, [&Obj::int(-1)?])?;
        if memory.length()? == 0 {
            return Err(Error::runtime("get_buffer() returned an empty buffer"));
        }
        Ok(memory)
    }

    #[cold]
    fn nothing_received(&self, why: Nothing) -> Result<()> {
        match why {
            Nothing::Yet => Ok(()),
            Nothing::End => self.end_of_stream(),
            Nothing::Failed(error) => self.fatal_error(&os_exception(&error)?, "Fatal read error on socket transport"),
        }
    }

    /// The peer sends nothing more.
    fn end_of_stream(&self) -> Result<()> {
        self.log_debug("%r received EOF")?;
        let Some(protocol) = self.endpoint.protocol.get() else { return Ok(()) };
        let keep_open = match protocol.call_method(&EOF_RECEIVED, []) {
            Ok(keep_open) => keep_open,
            Err(raised) => return self.fatal(raised, "Fatal error: protocol.eof_received() call failed."),
        };
        if keep_open.truth()? {
            // The protocol can still write, but there is nothing more to be read.
            return self.watch(Direction::Read, false);
        }
        self.close()
    }
}
