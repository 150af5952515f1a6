//! Datagrams from the socket to the protocol.
//!
//! Each is given on as a `bytes` of the right size, most often in the memory of the one before. When the fd is readable
//! there may be several: we receive until there is none. Where they come alone we ask for a single one, and less and less
//! often for more (`echo.udp_*` in the benches).

use ferraio_core::address::Address;
use ferraio_core::socket::{self, Io};

use super::DatagramTransport;
use crate::error::Error;
use crate::event_loop::{EventLoop, READ_SIZE};
use crate::ffi::received_bytes::Received;
use crate::ffi::{Name, Obj, Own, Result, exception};
use crate::transport::endpoint::Phase;

/// No more than this many are received before the others in the loop get their turn.
const MOST_AT_ONCE: u8 = 32;
/// We are content with one so many times in a row at the most.
const MOST_PATIENCE: u8 = 16;

const READ_ERROR: &str = "Fatal read error on datagram transport";

impl Own<DatagramTransport> {
    /// The fd is readable. Another callback may have stopped the reading since the loop saw that, as may the protocol.
    #[inline]
    pub(super) fn read_ready(&self) -> Result<()> {
        let most = match self.patience.get() {
            0 => MOST_AT_ONCE,
            patience => {
                self.patience.set(patience - 1);
                1
            }
        };
        for received in 0..most {
            if !self.endpoint.reads.get() || self.endpoint.phase.get() == Phase::Lost {
                return Ok(());
            }
            let event_loop = self.event_loop()?;
            let outcome = match self.family.get() {
                Some(_) => self.receive(&event_loop),
                None => self.receive_by_socket(),
            };
            match outcome {
                Ok(Io::Done((datagram, address))) => {
                    let delivered = self.deliver(&datagram.data, &address);
                    event_loop.spare_bytes.give_back(datagram);
                    delivered?;
                }
                Ok(Io::Later) => {
                    self.have_come(received);
                    return Ok(());
                }
                Err(raised) => return self.failed(raised, READ_ERROR),
            }
        }
        Ok(())
    }

    /// So many have come at once. If it was but one, we do not ask for more the next times.
    fn have_come(&self, count: u8) {
        let patience = if count == 1 { (2 * self.last_patience.get()).clamp(1, MOST_PATIENCE) } else { 0 };
        self.last_patience.set(patience);
        self.patience.set(patience);
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
    fn deliver(&self, data: &Obj, address: &Obj) -> Result<()> {
        static DATAGRAM_RECEIVED: Name = Name::new("datagram_received");
        match self.endpoint.protocol.get() {
            Some(protocol) => protocol.call_method(&DATAGRAM_RECEIVED, [data, address]).map(drop),
            None => Ok(()),
        }
    }
}
