//! Receiving from a socket straight into a new `bytes` object, before anybody sees it.

use std::io;

use ferraio_core::socket::{self, Io};
use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::object::Obj;

unsafe extern "C" {
    fn _PyBytes_Resize(object: *mut *mut c::PyObject, size: c::Py_ssize_t) -> std::ffi::c_int;
}

/// Receives at most `room` bytes.
#[inline]
pub fn receive(fd: i32, room: usize) -> Result<io::Result<Io<Obj>>> {
    // Shorter objects may be shared with others.
    let room = room.max(2);
    // SAFETY: a new object with room for so many bytes, which nobody has written to and nobody else has seen. After the
    // call its first `size` bytes are filled, and it is cut to that size; if that fails it is gone.
    unsafe {
        let object = Obj::new_ref(c::PyBytes_FromStringAndSize(std::ptr::null(), room as isize))?;
        let memory = std::slice::from_raw_parts_mut(c::PyBytes_AsString(object.as_ptr()).cast(), room);
        match socket::recv_uninit(fd, memory) {
            Ok(Io::Done(size)) => {
                let mut object = object.into_ptr();
                Raised::check(_PyBytes_Resize(&mut object, size as isize))?;
                Ok(Ok(Io::Done(Obj::new_ref(object)?)))
            }
            Ok(Io::Later) => Ok(Ok(Io::Later)),
            Err(error) => Ok(Err(error)),
        }
    }
}
