//! One attempt of an operation: a system call, or what the socket object does.

use ferraio_core::address::Address;
use ferraio_core::socket::{self, Io};

use super::{Kind, SocketOperation};
use crate::error::Error;
use crate::event_loop::{EventLoop, READ_SIZE};
use crate::ffi::buffer::Buffer;
use crate::ffi::{Name, Obj, Own, Raised, Result, exception};

/// What one attempt gave.
pub(super) enum Attempt {
    Done(Obj),
    /// The socket is not ready.
    Later,
    /// asyncio's own code knows better what is wrong with the argument.
    Unusual,
}

impl SocketOperation {
    pub(super) fn attempt(&self) -> Result<Attempt> {
        match self.kind.get() {
            Kind::Receive => self.receive(),
            Kind::ReceiveInto => self.receive_into(),
            Kind::ReceiveFrom => self.receive_from(),
            Kind::ReceiveFromInto => self.receive_from_into(),
            Kind::SendAll => self.send(),
            Kind::SendTo => self.send_to(),
            Kind::Accept => self.accept(),
        }
    }

    fn receive(&self) -> Result<Attempt> {
        let Some(event_loop) = self.event_loop.get() else { return Ok(Attempt::Later) };
        let Ok(most) = usize::try_from(self.argument.get_or_none().as_i64()?) else { return Ok(Attempt::Unusual) };
        if most == 0 {
            return Obj::bytes(&[]).map(Attempt::Done);
        }
        let most = most.min(READ_SIZE);
        let mut outcome = Ok(Io::Later);
        let received = event_loop.spare_bytes.fill(most, |memory| {
            outcome = socket::recv_uninit(self.fd.get(), &mut memory[..most]);
            if let Ok(Io::Done(size)) = outcome { size } else { 0 }
        })?;
        match outcome {
            Ok(Io::Done(size)) => {
                if size < most {
                    event_loop.note_drained(self.fd.get());
                }
                received.map_or_else(|| Obj::bytes(&[]), |received| Ok(received.data)).map(Attempt::Done)
            }
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    fn receive_into(&self) -> Result<Attempt> {
        let Some(mut memory) = usual(Buffer::writable(&self.argument.get_or_none())) else {
            return Ok(Attempt::Unusual);
        };
        if memory.bytes().is_empty() {
            return Obj::int(0).map(Attempt::Done);
        }
        match socket::recv(self.fd.get(), memory.bytes_mut()) {
            Ok(Io::Done(size)) => Obj::int(size as i64).map(Attempt::Done),
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    fn send(&self) -> Result<Attempt> {
        let argument = self.argument.get_or_none();
        if !argument.is_exact_bytes() && self.memory.borrow().is_none() {
            let Some(memory) = usual(Buffer::readable(&argument)) else { return Ok(Attempt::Unusual) };
            drop(self.memory.replace(Some(memory)));
        }
        let memory = self.memory.borrow();
        let data = argument.as_bytes().or_else(|| memory.as_ref().map(Buffer::bytes)).unwrap_or_default();
        match socket::send(self.fd.get(), &data[self.sent.get()..]) {
            Ok(Io::Done(size)) => {
                self.sent.set(self.sent.get() + size);
                Ok(if self.sent.get() == data.len() { Attempt::Done(Obj::none()) } else { Attempt::Later })
            }
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    fn receive_from(&self) -> Result<Attempt> {
        let Some(event_loop) = self.event_loop.get() else { return Ok(Attempt::Later) };
        let Ok(most @ 1..) = usize::try_from(self.argument.get_or_none().as_i64()?) else {
            return Ok(Attempt::Unusual);
        };
        let mut from = Address::none();
        let mut buffer = event_loop.take_read_buffer();
        let most = most.min(buffer.len());
        let outcome = match socket::recv_from(self.fd.get(), &mut buffer[..most], &mut from) {
            Ok(Io::Done(size)) => Obj::bytes(&buffer[..size]).map(Some),
            Ok(Io::Later) => Ok(None),
            Err(error) => Err(Error::from(error).raise()),
        };
        event_loop.put_read_buffer(buffer);
        match outcome? {
            Some(data) => Obj::tuple([data, address_object(&event_loop, &from)?]).map(Attempt::Done),
            None => Ok(Attempt::Later),
        }
    }

    fn receive_from_into(&self) -> Result<Attempt> {
        let Some(event_loop) = self.event_loop.get() else { return Ok(Attempt::Later) };
        let Some(mut memory) = usual(Buffer::writable(&self.argument.get_or_none())) else {
            return Ok(Attempt::Unusual);
        };
        let room = memory.bytes().len();
        let most = match self.second.get().map(|most| most.exact_i64().map(usize::try_from)) {
            None | Some(Some(Ok(0))) => room,
            Some(Some(Ok(most))) if most <= room => most,
            _ => return Ok(Attempt::Unusual),
        };
        if most == 0 {
            return Ok(Attempt::Unusual);
        }
        let mut from = Address::none();
        match socket::recv_from(self.fd.get(), &mut memory.bytes_mut()[..most], &mut from) {
            Ok(Io::Done(size)) => {
                drop(memory);
                Obj::tuple([Obj::int(size as i64)?, address_object(&event_loop, &from)?]).map(Attempt::Done)
            }
            Ok(Io::Later) => Ok(Attempt::Later),
            Err(error) => Err(Error::from(error).raise()),
        }
    }

    fn send_to(&self) -> Result<Attempt> {
        let (Some(event_loop), Some(family)) = (self.event_loop.get(), self.family.get()) else {
            return Ok(Attempt::Unusual);
        };
        let argument = self.argument.get_or_none();
        let memory;
        let data = match argument.as_bytes() {
            Some(data) => data,
            None => {
                let Some(buffer) = usual(Buffer::readable(&argument)) else { return Ok(Attempt::Unusual) };
                memory = buffer;
                memory.bytes()
            }
        };
        let fd = self.fd.get();
        let address = self.second.get_or_none();
        match event_loop.addresses.with_address(&address, family, |address| socket::send_to(fd, data, address)) {
            Some(Ok(Io::Done(size))) => Obj::int(size as i64).map(Attempt::Done),
            Some(Ok(Io::Later)) => Ok(Attempt::Later),
            Some(Err(error)) => Err(Error::from(error).raise()),
            None => Ok(Attempt::Unusual),
        }
    }

    /// Connections are rare beside what goes through them: the socket's own `accept` knows the addresses of all families.
    fn accept(&self) -> Result<Attempt> {
        static ACCEPT: Name = Name::new("accept");
        static SETBLOCKING: Name = Name::new("setblocking");
        match self.sock.get_or_none().call_method(&ACCEPT, []) {
            Ok(accepted) => {
                if let Some(connection) = accepted.tuple_items().first() {
                    connection.call_method(&SETBLOCKING, [&Obj::bool(false)])?;
                }
                Ok(Attempt::Done(accepted))
            }
            Err(raised) if raised.matches(&exception::blocking_io_error()) => {
                raised.clear();
                Ok(Attempt::Later)
            }
            Err(raised) => Err(raised),
        }
    }
}

/// The memory of an argument, if it has any.
fn usual(memory: Result<Buffer>) -> Option<Buffer> {
    memory.map_err(Raised::clear).ok()
}

/// Where a datagram comes from. The family of the socket was looked at before.
fn address_object(event_loop: &Own<EventLoop>, address: &Address) -> Result<Obj> {
    Ok(event_loop.addresses.object(address)?.unwrap_or_else(Obj::none))
}
