//! `bytearray`, as a buffer that grows at its end and is taken from its front.

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::object::Obj;

/// Exactly a `bytearray`.
#[repr(transparent)]
pub struct ByteArray(Obj);

impl ByteArray {
    /// The object as a bytearray, if it is exactly one.
    #[inline(always)]
    pub fn from_exact(object: &Obj) -> Option<&ByteArray> {
        // SAFETY: a live object; the layouts of `Obj` and `ByteArray` are the same.
        unsafe {
            (c::PyByteArray_CheckExact(object.as_ptr()) != 0).then(|| &*std::ptr::from_ref(object).cast::<ByteArray>())
        }
    }

    /// `len(self)`.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: a bytearray.
        unsafe { c::Py_SIZE(self.0.as_ptr()) as usize }
    }

    /// Is nothing in it?
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is in it; `look` runs no Python code.
    #[inline(always)]
    pub fn with_bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        // SAFETY: the bytes stay where they are while nobody else runs.
        unsafe {
            let bytes = c::PyByteArray_AsString(self.0.as_ptr()).cast::<u8>();
            look(std::slice::from_raw_parts(bytes, self.len()))
        }
    }

    /// `self.extend(data)`. Fails while somebody holds a view of it.
    pub fn extend(&self, data: &[u8]) -> Result<()> {
        let before = self.len();
        // SAFETY: after the resizing there is room for all of `data` behind what was there.
        unsafe {
            Raised::check(c::PyByteArray_Resize(self.0.as_ptr(), (before + data.len()) as isize))?;
            let bytes = c::PyByteArray_AsString(self.0.as_ptr()).cast::<u8>();
            std::ptr::copy_nonoverlapping(data.as_ptr(), bytes.add(before), data.len());
        }
        Ok(())
    }

    /// Takes the first `count` bytes out, of which there are at least so many.
    pub fn take_front(&self, count: usize) -> Result<Obj> {
        let taken = self.with_bytes(|bytes| Obj::bytes(&bytes[..count]))?;
        // SAFETY: a bytearray.
        Raised::check(unsafe {
            if count == self.len() {
                c::PyByteArray_Resize(self.0.as_ptr(), 0)
            } else {
                c::PySequence_DelSlice(self.0.as_ptr(), 0, count as isize)
            }
        })?;
        Ok(taken)
    }
}
