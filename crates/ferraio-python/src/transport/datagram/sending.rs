//! Datagrams from the program to the socket.
//!
//! What is sent goes to the kernel at once, if nothing waits before it. What the kernel does not take is queued: `bytes`
//! as they are, anything that may change afterwards as a copy.

use ferraio_core::socket::{self, Io};

use super::DatagramTransport;
use crate::error::Error;
use crate::event_loop::Direction;
use crate::ffi::buffer::Buffer;
use crate::ffi::{Import, Name, Obj, Own, Result, exception};
use crate::transport::endpoint::{Phase, Transport};

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
        if self.endpoint.phase.get() == Phase::Lost && (remote.is_some() || !self.endpoint.sock.is_some()) {
            return self.count_lost_write();
        }
        if !self.endpoint.sock.is_some() {
            return Err(Error::runtime("the transport has no socket"));
        }
        if self.is_drained() {
            match self.send(data, address) {
                Ok(Io::Done(())) => return Ok(()),
                Ok(Io::Later) if self.endpoint.phase.get() == Phase::Lost => return Ok(()),
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
        let fd = self.endpoint.fd.get();
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
        let sock = self.endpoint.sock.get_or_none();
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
        if self.endpoint.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.maybe_resume_protocol()?; // It may send more.
        if !self.is_drained() || self.endpoint.phase.get() == Phase::Lost {
            return Ok(());
        }
        self.watch(Direction::Write, false)?;
        if self.endpoint.phase.get() == Phase::Closing { self.finish_closing() } else { Ok(()) }
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
