//! Datagrams from the socket to the protocol.
//!
//! Each is given on as a `bytes` of the right size. When the fd is readable there may be several. Short datagrams of
//! the internet we receive together, by one system call; long ones and those of other families one by one, until there is
//! none. Where they come alone we ask for a single one, and less and less often for more (`echo.udp_*` in the
//! benches).
//!
//! A protocol gets one datagram after the other, each made into `bytes` just before, most often in the memory of the one
//! before. It may pause, close or fail in the middle of them. What it has not got then waits in `received`, and comes
//! before what is received next.

use ferraio_core::address::Address;
use ferraio_core::socket::{self, Io};

use super::DatagramTransport;
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, READ_SIZE, Ready};
use crate::ffi::received_bytes::Received;
use crate::ffi::socket_address::Family;
use crate::ffi::{Name, Obj, Own, Raised, Result, exception};
use crate::transport::endpoint::{Phase, Transport};

/// No more than this many are received one by one before the others in the loop get their turn.
const MOST_AT_ONCE: u8 = 32;
/// Longer ones are not received together: a burst of them would push each other out of the processor's nearest cache,
/// which costs what the system calls would save (`echo.udp_10`).
const SHORT: usize = 4096;
/// We are content with one so many times in a row at the most.
const MOST_PATIENCE: u8 = 16;

const READ_ERROR: &str = "Fatal read error on datagram transport";

impl Own<DatagramTransport> {
    /// The fd is readable. Another callback may have stopped the reading since the loop saw that.
    #[inline]
    pub(super) fn read_ready(&self) -> Result<()> {
        // A burst is there while the protocol, being given it, runs the loop (`nest_asyncio`).
        if !self.received.borrow().is_empty() || self.burst.borrow().is_some() {
            return self.deliver_received();
        }
        let most = match self.patience.get() {
            0 => MOST_AT_ONCE,
            patience => {
                self.patience.set(patience - 1);
                1
            }
        };
        match self.family.get() {
            Some(Family::V4 | Family::V6) if most > 1 && self.last_size.get() <= SHORT => self.receive_burst(),
            _ => self.receive_one_by_one(most),
        }
    }

    #[inline(always)]
    fn is_receiving(&self) -> bool {
        self.endpoint.reads.get() && self.endpoint.phase.get() != Phase::Lost
    }

    fn receive_one_by_one(&self, most: u8) -> Result<()> {
        for received in 0..most {
            if !self.is_receiving() {
                return Ok(());
            }
            let event_loop = self.event_loop()?;
            let outcome = match self.family.get() {
                Some(_) => self.receive(&event_loop),
                None => self.receive_by_socket(),
            };
            match outcome {
                Ok(Io::Done((received, address))) => {
                    self.last_size.set(received.data.as_bytes().map_or(0, <[u8]>::len));
                    self.deliver_and_take_back(&event_loop, received, &address)?;
                }
                Ok(Io::Later) => {
                    self.have_come(received.into());
                    return Ok(());
                }
                Err(raised) => return self.failed(raised, READ_ERROR),
            }
        }
        Ok(())
    }

    /// So many have come at once. If it was but one, we do not ask for more the next times.
    fn have_come(&self, count: usize) {
        let patience = if count == 1 { (2 * self.last_patience.get()).clamp(1, MOST_PATIENCE) } else { 0 };
        self.last_patience.set(patience);
        self.patience.set(patience);
    }

    /// Receives all that there are by one system call, if they are not too many.
    fn receive_burst(&self) -> Result<()> {
        if !self.is_receiving() {
            return Ok(());
        }
        let event_loop = self.event_loop()?;
        let mut burst = event_loop.take_datagrams();
        match burst.receive(self.endpoint.fd.get()) {
            Ok(Io::Done(count)) => {
                self.have_come(count);
                self.burst.replace(Some(burst));
                self.deliver_received()
            }
            other => {
                event_loop.put_datagrams(burst);
                other.map(drop).or_else(|error| self.failed(Error::from(error).raise(), READ_ERROR))
            }
        }
    }

    /// Gives the protocol what waits for it, until it wants no more.
    fn deliver_received(&self) -> Result<()> {
        let outcome = self.deliver_while_wanted().map_err(Raised::take);
        let set_aside = self.set_aside();
        let Err(error) = outcome else { return set_aside };
        set_aside.and_then(|()| self.go_on_delivering())?;
        Err(Raised::exception(error))
    }

    fn deliver_while_wanted(&self) -> Result<()> {
        while self.is_receiving() {
            let waiting = self.received.borrow_mut().pop_front();
            if let Some((data, address)) = waiting {
                self.deliver(&data, &address)?;
                continue;
            }
            let event_loop = self.event_loop()?;
            let Some((received, address)) = self.take_of_burst(&event_loop)? else { break };
            self.deliver_and_take_back(&event_loop, received, &address)?;
        }
        Ok(())
    }

    /// The next one of what was received together.
    #[inline(always)]
    fn take_of_burst(&self, event_loop: &Own<EventLoop>) -> Result<Option<(Received, Obj)>> {
        // To make an address may run any code, but not to make bytes.
        let (received, from) = {
            let mut burst = self.burst.borrow_mut();
            let Some((data, from)) = burst.as_mut().and_then(|burst| burst.take()) else { return Ok(None) };
            self.last_size.set(data.len());
            (event_loop.spare_bytes.copy(data)?, *from)
        };
        let address = event_loop.addresses.object(&from)?;
        Ok(Some((received, address.unwrap_or_else(Obj::none))))
    }

    /// Keeps what is left of a burst until the protocol wants it.
    #[inline]
    fn set_aside(&self) -> Result<()> {
        let Some(event_loop) = self.endpoint.event_loop.get() else {
            self.burst.take();
            return Ok(());
        };
        while self.endpoint.phase.get() != Phase::Lost
            && let Some((received, address)) = self.take_of_burst(&event_loop)?
        {
            self.received.borrow_mut().push_back((received.data, address));
        }
        if let Some(burst) = self.burst.take() {
            event_loop.put_datagrams(burst);
        }
        Ok(())
    }

    /// What waits for the protocol is given to it in the next turn.
    pub(super) fn go_on_delivering(&self) -> Result<()> {
        if !self.received.borrow().is_empty() && self.is_receiving() {
            self.event_loop()?.push(|| Ready::Io(DatagramTransport::target(self.clone()), Direction::Read));
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&self, event_loop: &Own<EventLoop>) -> Result<Io<(Received, Obj)>> {
        let mut from = Address::none();
        let mut buffer = event_loop.take_read_buffer();
        let outcome = socket::recv_from(self.endpoint.fd.get(), &mut buffer, &mut from);
        let data = match outcome {
            Ok(Io::Done(size)) => event_loop.spare_bytes.copy(&buffer[..size]).map(Io::Done),
            Ok(Io::Later) => Ok(Io::Later),
            Err(error) => Err(Error::from(error).raise()),
        };
        event_loop.put_read_buffer(buffer);
        match data? {
            Io::Done(data) => {
                let address = event_loop.addresses.object(&from)?;
                Ok(Io::Done((data, address.unwrap_or_else(Obj::none))))
            }
            Io::Later => Ok(Io::Later),
        }
    }

    /// A family whose addresses only the socket object knows.
    #[cold]
    fn receive_by_socket(&self) -> Result<Io<(Received, Obj)>> {
        static RECVFROM: Name = Name::new("recvfrom");
        match self.endpoint.sock.get_or_none().call_method(&RECVFROM, [&Obj::int(READ_SIZE as i64)?]) {
            Ok(datagram) => match datagram.tuple_items() {
                [data, address] => Ok(Io::Done((Received::from(data.clone()), address.clone()))),
                _ => Err(Error::type_("recvfrom() did not return a pair")),
            },
            Err(raised) if raised.matches(&exception::blocking_io_error()) => {
                raised.clear();
                Ok(Io::Later)
            }
            Err(raised) => Err(raised),
        }
    }

    #[inline(always)]
    fn deliver_and_take_back(&self, event_loop: &Own<EventLoop>, received: Received, address: &Obj) -> Result<()> {
        let outcome = self.deliver(&received.data, address);
        event_loop.spare_bytes.give_back(received);
        outcome
    }

    #[inline(always)]
    fn deliver(&self, data: &Obj, address: &Obj) -> Result<()> {
        static DATAGRAM_RECEIVED: Name = Name::new("datagram_received");
        match self.endpoint.protocol.get() {
            Some(protocol) => protocol.call_method(&DATAGRAM_RECEIVED, [data, address]).map(drop),
            None => Ok(()),
        }
    }
}
