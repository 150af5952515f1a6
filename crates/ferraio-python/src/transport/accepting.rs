//! One connection from a listening socket, with the peer's address as Python has it.

use std::os::fd::IntoRawFd;

use ferraio_core::address::Address;
use ferraio_core::socket::{self, Io};

use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::socket_address::to_python;
use crate::ffi::{Obj, Own, Result};
use crate::method;

/// `loop._accept(fd)`: (fd, address), the address `None` if only a socket object knows it; or `None`.
fn accept(_: &Own<EventLoop>, fd: &Obj) -> Result<Obj> {
    let Ok(fd) = i32::try_from(fd.as_i64()?) else { return Err(Error::Value(String::from("no such fd")).raise()) };
    let mut from = Address::none();
    match socket::accept(fd, &mut from) {
        Ok(Io::Done(connection)) => {
            let address = to_python(&from)?.unwrap_or_else(Obj::none);
            Obj::tuple([Obj::int(connection.into_raw_fd().into())?, address])
        }
        Ok(Io::Later) => Ok(Obj::none()),
        Err(error) => Err(Error::from(error).raise()),
    }
}

/// The method of the loop.
pub fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![method!(
        EventLoop,
        "_accept",
        one,
        accept,
        "_accept(fd)\n\nAccept a connection that does not block; return (fd, address), or None if there is none."
    )]
}
