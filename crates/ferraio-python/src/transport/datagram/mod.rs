//! The transport of a datagram socket: what it has beside its [`Endpoint`].
//!
//! It behaves as `asyncio.selector_events._SelectorDatagramTransport` of the running version does. UDP and Unix sockets
//! are read and written by system calls of ours; for other families (netlink, packets, …), whose addresses only the
//! socket object knows, its own `recvfrom` and `sendto` are called.
//!
//! | file | what |
//! |---|---|
//! | `receiving.rs`, `sending.rs` | datagrams in and out |
//! | `class.rs` | what Python sees |

mod class;
mod receiving;
mod sending;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

pub use self::class::make_class;
use super::endpoint::{Endpoint, Transport};
use crate::event_loop::{EventLoop, Target};
use crate::ffi::coroutine::copy_context;
use crate::ffi::socket_address::Family;
use crate::ffi::{Class, ClassCell, Name, Obj, Own, Raised, Result, Slot, Visit, exception};

/// A transport.
pub struct DatagramTransport {
    endpoint: Endpoint,
    /// The only address that may be sent to, if one was given.
    remote: Slot,
    /// What the kernel did not take: `bytes`, and where to.
    queue: RefCell<VecDeque<Datagram>>,
    /// What waits counts as so many bytes.
    queued: Cell<usize>,
    /// `None`: only the socket object can read and write its addresses.
    family: Cell<Option<Family>>,
    /// The kernel knows where to send.
    is_connected: Cell<bool>,
    /// So many times no more than one datagram is asked for.
    patience: Cell<u8>,
    /// What that was in the beginning.
    last_patience: Cell<u8>,
}

/// A datagram as `bytes`, and where it comes from or goes to.
type Datagram = (Obj, Obj);

static CELL: ClassCell = ClassCell::new();

impl Class for DatagramTransport {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.DatagramTransport";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio's transport for datagram sockets.";
    const OVER_BASE: bool = true;
    const BASE_IS_PYTHON: bool = true;
    const HAS_USUAL_SUBCLASS: bool = true;
    const NEW: Option<fn() -> Self> = Some(DatagramTransport::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.endpoint.traverse(visit);
        self.remote.visit(visit);
        for (_, address) in self.queue.borrow().iter() {
            visit.object(address);
        }
    }

    fn clear(&self) {
        self.endpoint.clear();
        self.remote.clear();
        drop(self.queue.take());
    }

    fn needs_finalizer(&self) -> bool {
        self.endpoint.sock.is_some()
    }

    fn finalize(this: &Own<Self>) {
        this.abandon();
    }
}

impl DatagramTransport {
    fn uninitialised() -> Self {
        DatagramTransport {
            endpoint: Endpoint::uninitialised(),
            remote: Slot::empty(),
            queue: RefCell::default(),
            queued: Cell::new(0),
            family: Cell::new(None),
            is_connected: Cell::new(false),
            patience: Cell::new(0),
            last_patience: Cell::new(0),
        }
    }
}

impl Transport for DatagramTransport {
    const WITHOUT_LOOP: &'static str = "the transport has no socket";

    #[inline(always)]
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn target(this: Own<Self>) -> Target {
        Target::Datagram(this)
    }

    #[inline(always)]
    fn is_drained(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    #[inline(always)]
    fn queued_bytes(&self) -> usize {
        self.queued.get()
    }

    fn drop_queue(&self) {
        let queue = self.queue.take();
        self.queued.set(0);
        drop(queue);
    }

    fn write_ready_name() -> &'static Name {
        static SENDTO_READY: Name = Name::new("_sendto_ready");
        &SENDTO_READY
    }

    #[inline(always)]
    fn read_ready(this: &Own<Self>) -> Result<()> {
        this.read_ready()
    }

    #[inline(always)]
    fn write_ready(this: &Own<Self>) -> Result<()> {
        this.send_ready()
    }
}

impl Own<DatagramTransport> {
    /// Takes over the socket: what `__init__` does.
    fn begin(
        &self,
        event_loop: &Own<EventLoop>,
        sock: &Obj,
        protocol: &Obj,
        [remote, waiter, extra]: [Option<Obj>; 3],
    ) -> Result<()> {
        static FAMILY: Name = Name::new("family");
        static PEERNAME: Name = Name::new("peername");
        self.family.set(Family::from_number(sock.attr(&FAMILY)?.as_i64()?));
        self.take_over(event_loop, sock, protocol, extra)?;
        let peername = self.endpoint.extra.get_or_none().dict_get(PEERNAME.obj())?;
        self.is_connected.set(peername.is_some_and(|peername| !peername.is_none()));
        if let Some(remote) = remote {
            self.remote.set(remote);
        }
        event_loop.add_transport(self.endpoint.fd.get(), self.obj())?;
        self.endpoint.context.set(copy_context()?);
        self.introduce(protocol, waiter)
    }

    /// Something is wrong with the datagram: errors of the system are the protocol's, others end the transport.
    #[cold]
    fn failed(&self, raised: Raised, message: &str) -> Result<()> {
        static ERROR_RECEIVED: Name = Name::new("error_received");
        if raised.stops_the_loop() {
            return Err(raised);
        }
        let is_os_error = raised.matches(&exception::os_error());
        let error = raised.take();
        if is_os_error {
            return match self.endpoint.protocol.get() {
                Some(protocol) => protocol.call_method(&ERROR_RECEIVED, [&error]).map(drop),
                None => Ok(()),
            };
        }
        self.fatal_error(&error, message)
    }
}
