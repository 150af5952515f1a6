//! From the transport below to the program.
//!
//! As in asyncio, all that has arrived is decrypted first, and the program gets it in one piece; a `BufferedProtocol` gets
//! as much as its memory takes, and the rest in the next turn.

use super::engine::Answer;
use super::{Delivery, State, TlsProtocol};
use crate::event_loop::EventLoop;
use crate::ffi::buffer::Buffer;
use crate::ffi::coroutine::copy_context;
use crate::ffi::tls_connection::{Outcome, TlsConnection};
use crate::ffi::{Import, Name, Obj, Own, Result};
use crate::streams::protocol::{StreamReaderProtocol, give_data};

static DO_READ: Name = Name::new("_do_read");

/// How much `SSLObject.read` is asked for at once, as in asyncio.
const MOST: i64 = 256 * 1024;

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// There is nothing more yet.
    Later,
    /// The peer has said that nothing more comes.
    Closed,
}

impl Own<TlsProtocol> {
    /// Gives what is received to another protocol.
    pub(super) fn set_app_protocol(&self, protocol: &Obj) -> Result<()> {
        static BUFFERED: Import = Import::new("asyncio.protocols", "BufferedProtocol");
        static GET_BUFFER: Name = Name::new("get_buffer");
        static BUFFER_UPDATED: Name = Name::new("buffer_updated");
        self.app_protocol.set(protocol.clone());
        self.delivery.set(if Own::<StreamReaderProtocol>::from_obj(protocol).is_some() {
            Delivery::Stream
        } else if protocol.attr_opt(&GET_BUFFER)?.is_some() && protocol.is_instance(BUFFERED.get()?)? {
            self.get_buffer.set(protocol.attr(&GET_BUFFER)?);
            self.buffer_updated.set(protocol.attr(&BUFFER_UPDATED)?);
            Delivery::Buffer
        } else {
            Delivery::Data
        });
        Ok(())
    }

    /// The transport below has received something.
    #[inline]
    pub fn receive(&self, data: &[u8]) -> Result<()> {
        static DO_HANDSHAKE: Name = Name::new("_do_handshake");
        static DO_FLUSH: Name = Name::new("_do_flush");
        static DO_SHUTDOWN: Name = Name::new("_do_shutdown");
        if self.state.get() == State::Wrapped
            && let Some(connection) = self.connection.get()
        {
            return connection.lend(data, || self.read());
        }
        self.keep_received(data)?;
        let next = match self.state.get() {
            State::Wrapped => return self.read(),
            State::Handshake => &DO_HANDSHAKE,
            State::Flushing => &DO_FLUSH,
            State::Shutdown => &DO_SHUTDOWN,
            State::Unwrapped => return Ok(()),
        };
        self.obj().call_method(next, []).map(drop)
    }

    /// `_do_read()`: gives the program what has arrived.
    #[inline]
    pub(super) fn read(&self) -> Result<()> {
        if !matches!(self.state.get(), State::Wrapped | State::Flushing) {
            return Ok(());
        }
        match self.read_and_answer() {
            Ok(()) => Ok(()),
            Err(raised) => self.fatal(raised),
        }
    }

    #[inline]
    fn read_and_answer(&self) -> Result<()> {
        if !self.app_reading_paused.get() {
            let ended = match self.delivery.get() {
                Delivery::Buffer => self.read_into_buffer()?,
                Delivery::Data | Delivery::Stream => self.read_data()?,
            };
            if ended == Ended::Closed {
                self.closed_by_peer()?;
            }
            if self.has_backlog()? {
                self.write_backlog()?;
            } else {
                self.send_encrypted()?;
            }
        }
        self.control_reading()
    }

    fn read_data(&self) -> Result<Ended> {
        match self.connection.get() {
            Some(connection) => self.read_from(connection),
            None => self.read_through_python(Vec::new()),
        }
    }

    /// Decrypts into one object: there is room for all that has arrived.
    #[inline]
    fn read_from(&self, connection: &TlsConnection) -> Result<Ended> {
        let event_loop = self.event_loop.get();
        let Some(event_loop) = event_loop.as_ref().and_then(Own::<EventLoop>::from_obj) else {
            return self.read_through_python(Vec::new());
        };
        let mut outcome = Outcome::Later;
        let received = event_loop.spare_bytes.fill(connection.readable(), |memory| {
            let mut filled = 0;
            outcome = loop {
                match connection.read(&mut memory[filled..]) {
                    Outcome::Done(size) => filled += size,
                    other => break other,
                }
                if connection.is_drained() {
                    break Outcome::Later;
                }
                if filled == memory.len() {
                    break Outcome::Done(filled);
                }
            };
            filled
        })?;
        let ended = match outcome {
            Outcome::Later => Ended::Later,
            Outcome::Closed => Ended::Closed,
            // There was more than we thought, or an error.
            Outcome::Done(_) | Outcome::Failed => {
                return self.read_through_python(received.map(|received| received.data).into_iter().collect());
            }
        };
        if let Some(received) = received {
            self.deliver(&received.data)?;
            event_loop.spare_bytes.give_back(received);
        }
        Ok(ended)
    }

    /// The same by `SSLObject.read`, after what was read already.
    fn read_through_python(&self, mut parts: Vec<Obj>) -> Result<Ended> {
        let most = Obj::int(MOST)?;
        let ended = loop {
            match self.python_read([&most])? {
                Answer::Value(data) if data.length()? == 0 => break Ended::Closed,
                Answer::Value(data) => parts.push(data),
                Answer::Later => break Ended::Later,
            }
        };
        match parts.as_slice() {
            [] => {}
            [data] => self.deliver(data)?,
            parts => self.deliver(&Obj::bytes(&parts.iter().flat_map(Obj::as_bytes).collect::<Vec<_>>().concat())?)?,
        }
        Ok(ended)
    }

    #[inline(always)]
    fn deliver(&self, data: &Obj) -> Result<()> {
        give_data(&self.app_protocol.get_or_none(), self.delivery.get() == Delivery::Stream, data)
    }

    /// Decrypts into the memory that the program offers.
    fn read_into_buffer(&self) -> Result<Ended> {
        let memory = self.get_buffer.get_or_none().call([&Obj::int(self.undecrypted()? as i64)?])?;
        let room = memory.length()?;
        let (filled, ended) = match self.connection.get() {
            Some(connection) => self.fill_from(connection, &memory, room)?,
            None => self.fill_through_python(&memory, room, 0)?,
        };
        if filled > 0 && filled == room {
            self.read_again_soon()?;
        }
        drop(memory);
        if filled > 0 {
            self.buffer_updated.get_or_none().call([&Obj::int(filled as i64)?])?;
        }
        Ok(ended)
    }

    fn fill_from(&self, connection: &TlsConnection, memory: &Obj, room: usize) -> Result<(usize, Ended)> {
        let mut filled = 0;
        {
            let mut buffer = Buffer::writable(memory)?;
            let bytes = buffer.bytes_uninit();
            while filled < bytes.len() {
                match connection.read(&mut bytes[filled..]) {
                    Outcome::Done(size) => filled += size,
                    Outcome::Later => return Ok((filled, Ended::Later)),
                    Outcome::Closed => return Ok((filled, Ended::Closed)),
                    Outcome::Failed => break,
                }
                if connection.is_drained() {
                    return Ok((filled, Ended::Later));
                }
            }
        }
        if filled == room && room > 0 {
            return Ok((filled, Ended::Later));
        }
        self.fill_through_python(memory, room, filled)
    }

    /// The same by `SSLObject.read`, behind the first `filled` bytes. An empty buffer takes nothing, which asyncio
    /// understands as the end. (asyncio slices the memory itself, and so loses data if that is a `bytearray`.)
    fn fill_through_python(&self, memory: &Obj, room: usize, mut filled: usize) -> Result<(usize, Ended)> {
        let memory = memory.memory_view()?;
        loop {
            let rest = memory.slice_from(filled)?;
            match self.python_read([&Obj::int((room - filled) as i64)?, &rest])? {
                Answer::Later => return Ok((filled, Ended::Later)),
                Answer::Value(size) => match usize::try_from(size.as_i64()?).unwrap_or(0) {
                    0 => return Ok((filled, Ended::Closed)),
                    size => filled += size,
                },
            }
            if filled >= room {
                return Ok((filled, Ended::Later));
            }
        }
    }

    fn read_again_soon(&self) -> Result<()> {
        let context = copy_context()?;
        let read = self.obj().attr(&DO_READ)?;
        crate::event_loop::call_soon_any(&self.event_loop.get_or_none(), &read, None, &context)
    }

    /// The peer has sent close_notify.
    #[cold]
    fn closed_by_peer(&self) -> Result<()> {
        static CALL_EOF_RECEIVED: Name = Name::new("_call_eof_received");
        static START_SHUTDOWN: Name = Name::new("_start_shutdown");
        self.obj().call_method(&CALL_EOF_RECEIVED, [])?;
        self.obj().call_method(&START_SHUTDOWN, []).map(drop)
    }

    /// `_control_ssl_reading()`: tells the transport below to pause when much was received that the program does not
    /// want, and to go on afterwards.
    #[inline]
    pub(super) fn control_reading(&self) -> Result<()> {
        static PAUSE_READING: Name = Name::new("pause_reading");
        static RESUME_READING: Name = Name::new("resume_reading");
        let size = self.undecrypted()? as f64;
        let paused = self.ssl_reading_paused.get();
        let method = if size >= self.incoming_high.value.get() && !paused {
            &PAUSE_READING
        } else if size <= self.incoming_low.value.get() && paused {
            &RESUME_READING
        } else {
            return Ok(());
        };
        self.ssl_reading_paused.set(!paused);
        self.transport.get_or_none().call_method(method, []).map(drop)
    }
}
