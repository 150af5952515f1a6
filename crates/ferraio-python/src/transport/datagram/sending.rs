//! Datagrams from the program to the socket, and flow control.
//!
//! What is sent goes to the kernel at once, if nothing waits before it. What the kernel does not take is queued: `bytes`
//! as they are, anything that may change afterwards as a copy.

use ferraio_core::socket::{self, Io};

use super::{DatagramTransport, Phase};
use crate::error::Error;
use crate::event_loop::Direction;
use crate::ffi::buffer::Buffer;
use crate::ffi::{Import, Name, Obj, Own, Result, exception};

/// How much a queued datagram counts beside its bytes.
const HEADER: usize = if cfg!(Py_3_13) { 8 } else { 0 };

const WRITE_ERROR: &str = "Fatal write error on datagram transport";

impl Own<DatagramTransport> {
    /// `sendto(data, addr)`.
    #[inline]
    pub(super) fn send_to(&self, data: &Obj, address: &Obj) -> Result<()> {
        if !data.is_bytes_like() {
            let given = data.type_name();
            return Err(Error::type_(format!("data argument must be a bytes-like object, not '{given}'")));
        }
        // Up to 3.12 asyncio sends no empty datagrams.
        if cfg!(not(Py_3_13)) && data.length()? == 0 {
            return Ok(());
        }
        let remote = self.remote.get();
        if let Some(remote) = &remote
            && !address.is_none()
            && !address.is(remote)
            && !address.equals(remote)?
        {
            return Err(Error::Value(format!("Invalid address: must be None or {}", text_of(remote)?)).raise());
        }
        let address = remote.as_ref().unwrap_or(address);
        if self.phase.get() == Phase::Lost && (remote.is_some() || !self.sock.is_some()) {
            return self.count_lost_write();
        }
        if !self.sock.is_some() {
            return Err(Error::runtime("the transport has no socket"));
        }
        if self.queue.borrow().is_empty() {
            match self.send(data, address) {
                Ok(Io::Done(())) => return Ok(()),
                Ok(Io::Later) if self.phase.get() == Phase::Lost => return Ok(()),
                Ok(Io::Later) => self.watch(Direction::Write, true)?,
                Err(raised) => return self.failed(raised, WRITE_ERROR),
            }
        }
        self.enqueue(data, address)
    }

    /// One attempt to send.
    #[inline(always)]
    fn send(&self, data: &Obj, address: &Obj) -> Result<Io<()>> {
        let Some(family) = self.family.get() else { return self.send_by_socket(data, address) };
        let memory;
        let bytes = match data.as_bytes() {
            Some(bytes) => bytes,
            None => {
                memory = Buffer::readable(data)?;
                memory.bytes()
            }
        };
        let fd = self.fd.get();
        let outcome = if self.is_connected.get() {
            Some(socket::send(fd, bytes))
        } else {
            self.event_loop()?.addresses.with_address(address, family, |address| socket::send_to(fd, bytes, address))
        };
        match outcome {
            Some(Ok(Io::Done(_))) => Ok(Io::Done(())),
            Some(Ok(Io::Later)) => Ok(Io::Later),
            Some(Err(error)) => Err(Error::from(error).raise()),
            None => self.send_by_socket(data, address),
        }
    }

    /// A family or an address that only the socket object understands, or has the right error for.
    #[cold]
    fn send_by_socket(&self, data: &Obj, address: &Obj) -> Result<Io<()>> {
        static SEND: Name = Name::new("send");
        static SENDTO: Name = Name::new("sendto");
        let sock = self.sock.get_or_none();
        let outcome = if self.is_connected.get() {
            sock.call_method(&SEND, [data])
        } else {
            sock.call_method(&SENDTO, [data, address])
        };
        match outcome {
            Ok(_) => Ok(Io::Done(())),
            Err(raised) if raised.matches(&exception::blocking_io_error()) => {
                raised.clear();
                Ok(Io::Later)
            }
            Err(raised) => Err(raised),
        }
    }

    /// Queues what the kernel did not take.
    fn enqueue(&self, data: &Obj, address: &Obj) -> Result<()> {
        let data = if data.is_exact_bytes() { data.clone() } else { Obj::bytes(Buffer::readable(data)?.bytes())? };
        self.queued.set(self.queued.get() + size_of(&data));
        self.queue.borrow_mut().push_back((data, address.clone()));
        self.maybe_pause_protocol()
    }

    /// The fd is writable. Another callback may have dropped what waited since the loop saw that.
    pub(super) fn send_ready(&self) -> Result<()> {
        loop {
            let Some((data, address)) = self.queue.borrow_mut().pop_front() else { break };
            self.queued.set(self.queued.get() - size_of(&data));
            match self.send(&data, &address) {
                Ok(Io::Done(())) => {}
                Ok(Io::Later) => {
                    self.queued.set(self.queued.get() + size_of(&data));
                    self.queue.borrow_mut().push_front((data, address));
                    break;
                }
                Err(raised) => return self.failed(raised, WRITE_ERROR),
            }
        }
        if self.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.maybe_resume_protocol()?; // It may send more.
        if !self.queue.borrow().is_empty() || self.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.watch(Direction::Write, false)?;
        if self.phase.get() == Phase::Closing { self.finish_closing() } else { Ok(()) }
    }

    #[cold]
    fn count_lost_write(&self) -> Result<()> {
        static LOG: Import = Import::new("ferraio._cold", "log_lost_write");
        let count = self.lost_writes.get();
        self.lost_writes.set(count.saturating_add(1));
        LOG.get()?.call([&Obj::int(count.into())?]).map(drop)
    }

    /// Tells the protocol to pause, if too much waits.
    pub(super) fn maybe_pause_protocol(&self) -> Result<()> {
        static PAUSE_WRITING: Name = Name::new("pause_writing");
        if !self.flow.begins_pause(self.queued.get()) {
            return Ok(());
        }
        self.tell_protocol(&PAUSE_WRITING, "protocol.pause_writing() failed")
    }

    fn maybe_resume_protocol(&self) -> Result<()> {
        static RESUME_WRITING: Name = Name::new("resume_writing");
        if !self.flow.ends_pause(self.queued.get()) {
            return Ok(());
        }
        self.tell_protocol(&RESUME_WRITING, "protocol.resume_writing() failed")
    }

    fn tell_protocol(&self, method: &Name, failed: &str) -> Result<()> {
        let Some(protocol) = self.protocol.get() else { return Ok(()) };
        match protocol.call_method(method, []) {
            Ok(_) => Ok(()),
            Err(raised) if raised.stops_the_loop() => Err(raised),
            Err(raised) => {
                let error = raised.take();
                self.report(&self.event_loop()?, &error, failed)
            }
        }
    }
}

fn size_of(data: &Obj) -> usize {
    data.as_bytes().map_or(0, <[u8]>::len) + HEADER
}

#[cold]
fn text_of(address: &Obj) -> Result<String> {
    static STR: Import = Import::new("builtins", "str");
    STR.get()?.call([address])?.as_text()
}
