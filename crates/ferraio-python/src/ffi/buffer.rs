//! Memory of other objects (PEP 3118): a `bytearray` to read into, a `memoryview` to send.

use std::mem::MaybeUninit;

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::object::Obj;

/// An exported buffer; given back when dropped.
pub struct Buffer(Box<c::Py_buffer>);

impl Buffer {
    /// The contiguous bytes of `object`.
    pub fn readable(object: &Obj) -> Result<Buffer> {
        Buffer::export(object, c::PyBUF_SIMPLE)
    }

    /// The contiguous bytes of `object`, to be written.
    pub fn writable(object: &Obj) -> Result<Buffer> {
        Buffer::export(object, c::PyBUF_WRITABLE)
    }

    fn export(object: &Obj, flags: i32) -> Result<Buffer> {
        let mut buffer = Box::<MaybeUninit<c::Py_buffer>>::new(MaybeUninit::zeroed());
        // SAFETY: the struct is filled on success, and only then taken as initialised.
        unsafe {
            Raised::check(c::PyObject_GetBuffer(object.as_ptr(), buffer.as_mut_ptr(), flags))?;
            Ok(Buffer(buffer.assume_init()))
        }
    }

    /// The bytes. Nobody else runs while they are borrowed, as long as no Python code is called.
    pub fn bytes(&self) -> &[u8] {
        if self.0.len == 0 {
            return &[];
        }
        // SAFETY: the exporter keeps `len` bytes in place until the buffer is given back.
        unsafe { std::slice::from_raw_parts(self.0.buf.cast(), self.0.len as usize) }
    }

    /// The bytes, to be overwritten.
    pub fn bytes_uninit(&mut self) -> &mut [MaybeUninit<u8>] {
        let bytes = self.bytes_mut();
        // SAFETY: the same memory; whoever gets it only ever puts bytes there.
        unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        if self.0.len == 0 || self.0.readonly != 0 {
            return &mut [];
        }
        // SAFETY: as above, and the exporter allows writing.
        unsafe { std::slice::from_raw_parts_mut(self.0.buf.cast(), self.0.len as usize) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: filled by PyObject_GetBuffer, given back once.
        unsafe { c::PyBuffer_Release(&mut *self.0) }
    }
}
