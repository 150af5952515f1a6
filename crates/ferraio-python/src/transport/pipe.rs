//! Reading from a pipe into the loop's one buffer, so that each read costs no memory but what has come.

use ferraio_core::socket::{self, Io};

use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::{Obj, Own, Result};
use crate::method;

/// `loop._read(fd)`: `bytes`, empty at the end; `None` if nothing has come yet.
fn read(this: &Own<EventLoop>, fd: &Obj) -> Result<Obj> {
    let Ok(fd) = i32::try_from(fd.as_i64()?) else { return Err(Error::Value(String::from("no such fd")).raise()) };
    let mut buffer = this.take_read_buffer();
    let outcome = match socket::read(fd, &mut buffer) {
        Ok(Io::Done(size)) => Obj::bytes(&buffer[..size]),
        Ok(Io::Later) => Ok(Obj::none()),
        Err(error) => Err(Error::from(error).raise()),
    };
    this.put_read_buffer(buffer);
    outcome
}

/// The method of the loop.
pub fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![method!(
        EventLoop,
        "_read",
        one,
        read,
        "_read(fd)\n\nRead what there is from an fd that does not block; return bytes, or None if nothing has come yet."
    )]
}
