//! From the program to the transport below, and flow control.
//!
//! What is written after the handshake is encrypted and sent at once: straight from OpenSSL's output into the socket, if
//! the transport below is ours. What is written before waits in the backlog; so does what OpenSSL does not take, which
//! happens only while it renegotiates.

use super::{State, TlsProtocol};
use crate::ffi::buffer::Buffer;
use crate::ffi::tls_connection::TlsConnection;
use crate::ffi::{Deque, Import, Name, Obj, Own, Result};
use crate::transport::SocketTransport;
use crate::transport::failure::report_failure;

static READ: Name = Name::new("read");
static WRITE: Name = Name::new("write");
static APP_TRANSPORT: Name = Name::new("_app_transport");

/// From so many lost writes on there is a warning with each: asyncio's `LOG_THRESHOLD_FOR_CONNLOST_WRITES`.
const TOLERATED_LOST_WRITES: u32 = 5;

impl Own<TlsProtocol> {
    /// `_write_appdata([data])`.
    #[inline]
    pub(super) fn write(&self, data: &Obj) -> Result<()> {
        if self.is_too_late()? {
            return Ok(());
        }
        if self.state.get() != State::Wrapped || self.has_backlog()? {
            self.append(data)?;
            return self.write_what_waits();
        }
        match self.write_through(data).and_then(|()| self.send_encrypted()) {
            Ok(()) => Ok(()),
            Err(raised) => self.fatal(raised),
        }
    }

    /// `_write_appdata(list_of_data)`: all of it is sent in one go.
    pub(super) fn write_lines(&self, lines: &Obj) -> Result<()> {
        if self.is_too_late()? {
            return Ok(());
        }
        let mut given = Vec::new();
        lines.for_each(|line| {
            given.push(unchanging(&line)?);
            Ok(())
        })?;
        given.iter().try_for_each(|line| self.append(line))?;
        self.write_what_waits()
    }

    /// Is the connection over already? Whoever keeps on writing is warned.
    #[inline(always)]
    fn is_too_late(&self) -> Result<bool> {
        if matches!(self.state.get(), State::Handshake | State::Wrapped) {
            return Ok(false);
        }
        self.count_lost_write().map(|()| true)
    }

    #[cold]
    fn count_lost_write(&self) -> Result<()> {
        static LOG: Import = Import::new("ferraio._cold", "log_lost_tls_write");
        let count = self.lost_writes.get();
        if count >= TOLERATED_LOST_WRITES {
            LOG.get()?.call0()?;
        }
        self.lost_writes.set(count.saturating_add(1));
        Ok(())
    }

    fn write_what_waits(&self) -> Result<()> {
        if self.state.get() != State::Wrapped {
            return Ok(());
        }
        match self.write_backlog() {
            Ok(()) => Ok(()),
            Err(raised) => self.fatal(raised),
        }
    }

    /// Encrypts `data`; nothing waits before it.
    #[inline]
    fn write_through(&self, data: &Obj) -> Result<()> {
        if let Some(bytes) = data.as_bytes() {
            let written = self.encrypt(data, bytes)?;
            return if written < bytes.len() { self.append_rest(data, written) } else { Ok(()) };
        }
        let buffer = Buffer::readable(data)?;
        let written = self.encrypt(data, buffer.bytes())?;
        if written < buffer.bytes().len() { self.append_rest(data, written) } else { Ok(()) }
    }

    fn append_rest(&self, data: &Obj, written: usize) -> Result<()> {
        let rest = match data.as_bytes() {
            Some(bytes) => Obj::bytes(&bytes[written..])?,
            None => Obj::bytes(&Buffer::readable(data)?.bytes()[written..])?,
        };
        self.append(&rest)
    }

    /// Appends to the backlog.
    fn append(&self, data: &Obj) -> Result<()> {
        let data = unchanging(data)?;
        let size = data.length()?;
        if size > 0 {
            self.with_backlog(|backlog| backlog.append(&data))?;
            self.backlog_size.set(self.backlog_size.get() + size);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn has_backlog(&self) -> Result<bool> {
        if self.backlog_size.get() > 0 {
            return Ok(true);
        }
        self.with_backlog(|backlog| Ok(!backlog.is_empty()))
    }

    fn with_backlog<T>(&self, use_it: impl FnOnce(&Deque) -> Result<T>) -> Result<T> {
        let backlog = match self.backlog.get() {
            Some(backlog) => backlog,
            None => {
                let backlog = Deque::create()?;
                self.backlog.set(backlog.clone());
                backlog
            }
        };
        match Deque::from_exact(&backlog)? {
            Some(backlog) => use_it(backlog),
            None => Err(crate::error::Error::type_("_write_backlog must be a deque")),
        }
    }

    /// `_do_write()`: encrypts what waits, as much as can be, and sends it.
    pub(super) fn write_backlog(&self) -> Result<()> {
        while let Some(data) = self.with_backlog(Deque::first)? {
            let size = data.length()?;
            let written = match data.as_bytes() {
                Some(bytes) => self.encrypt(&data, bytes)?,
                None => self.encrypt(&data, Buffer::readable(&data)?.bytes())?,
            };
            self.backlog_size.set(self.backlog_size.get().saturating_sub(written));
            if written < size {
                if written > 0 {
                    let rest = data.slice_from(written)?;
                    self.backlog.get_or_none().set_item(&Obj::int(0)?, &rest)?;
                }
                break;
            }
            self.with_backlog(|backlog| backlog.pop_left().map(drop))?;
        }
        self.send_encrypted()
    }

    /// `_process_outgoing()`: gives the transport below what is encrypted, unless it has told us to wait.
    #[inline]
    pub(super) fn send_encrypted(&self) -> Result<()> {
        if !self.ssl_writing_paused.get() {
            match self.connection.get() {
                Some(connection) => self.send_output(connection)?,
                None => {
                    let data = self.outgoing.get_or_none().call_method(&READ, [])?;
                    if data.length()? > 0 {
                        self.transport.get_or_none().call_method(&WRITE, [&data])?;
                    }
                }
            }
        }
        self.control_writing()
    }

    #[inline]
    fn send_output(&self, connection: &TlsConnection) -> Result<()> {
        if connection.unsent() == 0 {
            return Ok(());
        }
        let output = connection.take_output();
        let transport = self.transport.get_or_none();
        let outcome = match Own::<SocketTransport>::from_obj(&transport) {
            Some(ours) if ours.is_plain()? => ours.write_memory(&output),
            _ => Obj::bytes(&output).and_then(|data| transport.call_method(&WRITE, [&data]).map(drop)),
        };
        TlsConnection::put_output(output);
        outcome
    }

    /// How many bytes wait: encrypted or not.
    #[inline]
    pub(super) fn write_buffer_size(&self) -> Result<usize> {
        Ok(self.encrypted()? + self.backlog_size.get())
    }

    /// `_control_app_writing()`: tells the program to pause when much waits, and to go on afterwards.
    #[inline]
    pub(super) fn control_writing(&self) -> Result<()> {
        let size = self.write_buffer_size()? as f64;
        let paused = self.app_writing_paused.get();
        if size >= self.outgoing_high.value.get() && !paused {
            return self.tell_program(true);
        }
        if size <= self.outgoing_low.value.get() && paused {
            return self.tell_program(false);
        }
        Ok(())
    }

    #[cold]
    fn tell_program(&self, pause: bool) -> Result<()> {
        static PAUSE_WRITING: Name = Name::new("pause_writing");
        static RESUME_WRITING: Name = Name::new("resume_writing");
        self.app_writing_paused.set(pause);
        let method = if pause { &PAUSE_WRITING } else { &RESUME_WRITING };
        match self.app_protocol.get_or_none().call_method(method, []) {
            Ok(_) => Ok(()),
            Err(raised) if raised.stops_the_loop() => Err(raised),
            Err(raised) => {
                let error = raised.take();
                let transport = self.obj().attr(&APP_TRANSPORT)?;
                let message = format!("protocol.{}() failed", method.text());
                report_failure(&self.event_loop.get_or_none(), &error, &message, &transport, self.obj())
            }
        }
    }
}

/// The bytes of an object: itself, or a copy if it may change later.
fn unchanging(data: &Obj) -> Result<Obj> {
    if data.is_exact_bytes() { Ok(data.clone()) } else { Obj::bytes(Buffer::readable(data)?.bytes()) }
}
