//! What `get_extra_info` knows: the socket, and the addresses of its two ends.
//!
//! A connection that a server accepts has no socket object at first, and most often nobody ever asks for one. Until then
//! the transport itself owns the fd, and keeps the addresses as the kernel gave them (`echo.connect_close` in the
//! benches).

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use ferraio_core::address::Address;
use ferraio_core::socket;

use super::Transport;
use crate::ffi::socket_address::to_python;
use crate::ffi::{Import, Name, Obj, Own, Raised, Result, exception};
use crate::imports::{self as py};

static SOCKET: Name = Name::new("socket");
static SOCKNAME: Name = Name::new("sockname");
static PEERNAME: Name = Name::new("peername");

/// A connection without a socket object.
pub struct Accepted {
    /// Open, until the transport lets go of it.
    fd: Option<OwnedFd>,
    kind: Kind,
    local: Address,
    peer: Address,
}

impl Accepted {
    /// One whose addresses have a form in Python that is known here; otherwise the fd is given back.
    pub(in crate::transport) fn new(fd: OwnedFd, kind: Kind, peer: Address) -> std::result::Result<Self, OwnedFd> {
        match socket::local_address(fd.as_raw_fd()) {
            Ok(local) if local.is_understood() && peer.is_understood() => {
                Ok(Accepted { fd: Some(fd), kind, local, peer })
            }
            _ => Err(fd),
        }
    }

    /// The fd; -1 when it is closed.
    pub(in crate::transport) fn fd(&self) -> i32 {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Closes the fd, if it is open.
    pub(super) fn close(&mut self) -> std::io::Result<()> {
        self.fd.take().map_or(Ok(()), socket::close)
    }
}

/// What the class of sockets takes before the fd.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    pub family: i64,
    pub socket_type: i64,
    pub protocol: i64,
}

impl Kind {
    /// A socket object of this kind that owns the fd, which is not to block.
    pub(in crate::transport) fn socket_object(self, fd: OwnedFd) -> std::result::Result<Obj, (OwnedFd, Raised)> {
        match self.make_socket_object(Obj::int(fd.as_raw_fd().into())) {
            Ok(sock) => {
                let _the_object_has_it_now = fd.into_raw_fd();
                Ok(sock)
            }
            Err(raised) => Err((fd, raised)),
        }
    }

    /// One that is closed.
    fn closed_socket_object(self) -> Result<Obj> {
        let sock = self.make_socket_object(Ok(Obj::none()))?;
        sock.call_method(&py::CLOSE, []).map(|_| sock)
    }

    fn make_socket_object(self, fd: Result<Obj>) -> Result<Obj> {
        static SOCKET_CLASS: Import = Import::new("socket", "socket");
        #[cfg(not(target_vendor = "apple"))]
        let socket_type = self.socket_type | i64::from(libc::SOCK_NONBLOCK);
        #[cfg(target_vendor = "apple")]
        let socket_type = self.socket_type;
        let sock = SOCKET_CLASS.now()?.call([
            &Obj::int(self.family)?,
            &Obj::int(socket_type)?,
            &Obj::int(self.protocol)?,
            &fd?,
        ])?;
        if cfg!(target_vendor = "apple") {
            // Elsewhere the type says so.
            static SETBLOCKING: Name = Name::new("setblocking");
            sock.call_method(&SETBLOCKING, [&Obj::bool(false)])?;
        }
        Ok(sock)
    }
}

impl<T: Transport> Own<T> {
    /// `get_extra_info(name)`, if that is known.
    pub(super) fn extra_item(&self, name: &Obj) -> Result<Option<Obj>> {
        if self.endpoint().accepted.borrow().is_some() {
            if name.equals(SOCKET.obj())? { self.know_socket()? } else { self.know_addresses()? }
        }
        match self.endpoint().extra.get() {
            Some(extra) => extra.dict_get(name),
            None => Ok(None),
        }
    }

    /// From now on there is a socket object.
    pub(super) fn know_socket(&self) -> Result<()> {
        self.know_addresses()?;
        let endpoint = self.endpoint();
        let Some(mut accepted) = endpoint.accepted.take() else { return Ok(()) };
        let sock = match accepted.fd.take() {
            None => accepted.kind.closed_socket_object()?,
            Some(fd) => match accepted.kind.socket_object(fd) {
                Ok(sock) => {
                    endpoint.sock.set(sock.clone());
                    sock
                }
                Err((fd, raised)) => {
                    accepted.fd = Some(fd);
                    *endpoint.accepted.borrow_mut() = Some(accepted);
                    return Err(raised);
                }
            },
        };
        endpoint.extra.get_or_none().dict_set(SOCKET.obj(), &transport_socket(&sock)?)
    }

    /// From now on there is a dict with the addresses.
    fn know_addresses(&self) -> Result<()> {
        let endpoint = self.endpoint();
        if endpoint.extra.is_some() {
            return Ok(());
        }
        let Some((local, peer)) = endpoint.accepted.borrow().as_ref().map(|known| (known.local, known.peer)) else {
            return Ok(());
        };
        let extra = Obj::dict()?;
        for (name, address) in [(&PEERNAME, peer), (&SOCKNAME, local)] {
            extra.dict_set(name.obj(), &to_python(&address)?.unwrap_or_else(Obj::none))?;
        }
        endpoint.extra.set(extra);
        Ok(())
    }
}

/// The dict of `get_extra_info`: what is given, and what the socket knows.
pub(super) fn extra_info(sock: &Obj, given: Option<Obj>) -> Result<Obj> {
    static GETSOCKNAME: Name = Name::new("getsockname");
    static GETPEERNAME: Name = Name::new("getpeername");
    let name = |method: &Name| match sock.call_method(method, []) {
        Err(raised) if raised.matches(&exception::os_error()) => {
            raised.clear();
            Ok(Obj::none())
        }
        outcome => outcome,
    };
    let extra = given.map_or_else(Obj::dict, Ok)?;
    extra.dict_set(SOCKET.obj(), &transport_socket(sock)?)?;
    extra.dict_set(SOCKNAME.obj(), &name(&GETSOCKNAME)?)?;
    if extra.dict_get(PEERNAME.obj())?.is_none() {
        extra.dict_set(PEERNAME.obj(), &name(&GETPEERNAME)?)?;
    }
    Ok(extra)
}

fn transport_socket(sock: &Obj) -> Result<Obj> {
    static TRANSPORT_SOCKET: Import = Import::new("asyncio.trsock", "TransportSocket");
    TRANSPORT_SOCKET.get()?.call([sock])
}
