//! Receiving (or decrypting) straight into a `bytes` object, before anybody sees it.
//!
//! An object that nobody but us refers to any more, after the protocol has seen it, is used for the next message: an
//! echo server needs no memory but its first. One that the program keeps until it has read the next one, as whoever reads
//! a stream in a loop does, is looked at again later. Reference counts tell, as for the interpreter's own tuples in `zip`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;

use ferraio_core::socket::{self, Io};
use pyo3_ffi as c;

use super::exception::Result;
use super::object::Obj;

/// Objects that can be used again.
#[derive(Default)]
pub struct SpareBytes {
    /// One that nobody has.
    free: Cell<Option<Received>>,
    /// Those that the program had when it was asked last, the oldest first.
    lent: RefCell<VecDeque<Received>>,
}

/// What was received: an object, and how much room it has.
pub struct Received {
    /// The bytes.
    pub data: Obj,
    /// 0: it cannot be used again.
    room: usize,
}

impl From<Obj> for Received {
    /// Somebody else's object.
    fn from(data: Obj) -> Self {
        Received { data, room: 0 }
    }
}

/// From this size on it pays to use an object again: the interpreter's own allocator is faster with the smaller ones.
pub const WORTH_REUSING: usize = 480;

/// So many objects of so much room are remembered while the program has them: no more than a megabyte is kept that way.
const MOST_LENT: usize = 32;
const LARGEST_LENT: usize = 32 * 1024;

impl SpareBytes {
    /// An object with so much room, or somewhat more.
    fn take(&self, room: usize) -> Result<Received> {
        let returned = || self.lent.borrow_mut().pop_front_if(|oldest| oldest.data.ref_count() == 1);
        let spare = self.free.take().or_else(returned);
        if let Some(fitting) = spare.filter(|spare| (room..=2 * room).contains(&spare.room)) {
            return Ok(fitting);
        }
        // SAFETY: gives a new object with room for so many bytes, or NULL.
        let data = unsafe { Obj::new_ref(c::PyBytes_FromStringAndSize(std::ptr::null(), room as isize))? };
        Ok(Received { data, room })
    }

    /// Takes an object back, at once or when nobody else has it any more.
    #[inline(always)]
    pub fn give_back(&self, received: Received) {
        if received.data.ref_count() > 1 {
            self.lend(received);
        } else if received.room > 0 {
            self.free.set(Some(received));
        }
    }

    fn lend(&self, received: Received) {
        if !(1..=LARGEST_LENT).contains(&received.room) {
            return;
        }
        let mut lent = self.lent.borrow_mut();
        if lent.len() == MOST_LENT {
            lent.pop_front();
        }
        lent.push_back(received);
    }

    /// A copy of what was received elsewhere.
    #[inline(always)]
    pub fn copy(&self, data: &[u8]) -> Result<Received> {
        if data.len() >= WORTH_REUSING {
            let copy = self.fill(data.len(), |memory| {
                memory[..data.len()].write_copy_of_slice(data);
                data.len()
            })?;
            return Ok(copy.expect("not empty"));
        }
        Obj::bytes(data).map(Received::from)
    }

    /// Receives about `room` bytes at the most. `None` is the end of the stream.
    #[inline]
    pub fn receive(&self, fd: i32, room: usize) -> Result<io::Result<Io<Option<Received>>>> {
        let mut outcome = Ok(Io::Later);
        let received = self.fill(room, |memory| {
            outcome = socket::recv_uninit(fd, memory);
            if let Ok(Io::Done(size)) = outcome { size } else { 0 }
        })?;
        Ok(outcome.map(|outcome| match outcome {
            Io::Done(_) => Io::Done(received),
            Io::Later => Io::Later,
        }))
    }

    /// Lets `write` fill the beginning of about `room` bytes, and say how many it has filled. `None`: none.
    #[inline]
    pub fn fill(&self, room: usize, write: impl FnOnce(&mut [MaybeUninit<u8>]) -> usize) -> Result<Option<Received>> {
        // The shortest objects may be shared with others.
        let Received { data: object, room } = self.take(room.max(64))?;
        // SAFETY: nobody else refers to the object, which has room for so many bytes.
        let memory = unsafe {
            let bytes = (&raw mut (*object.as_ptr().cast::<c::PyBytesObject>()).ob_sval).cast();
            std::slice::from_raw_parts_mut(bytes, room)
        };
        let size = write(memory);
        if size == 0 {
            self.give_back(Received { data: object, room });
            return Ok(None);
        }
        if size < room / 2 {
            // Too small a part of it is used to let the program keep it all.
            // SAFETY: so many bytes are filled.
            let data = Obj::bytes(unsafe { std::slice::from_raw_parts(memory.as_ptr().cast(), size) })?;
            self.give_back(Received { data: object, room });
            return Ok(Some(data.into()));
        }
        // SAFETY: still nobody else refers to the object; its first `size` bytes are filled, and there is room for one
        // more, which ends them. A hash from an earlier life is forgotten.
        unsafe {
            let bytes = object.as_ptr().cast::<c::PyBytesObject>();
            (*bytes).ob_base.ob_size = size as isize;
            #[allow(deprecated, reason = "it is what the hash of a bytes object is kept in")]
            {
                (*bytes).ob_shash = -1;
            }
            (&raw mut (*bytes).ob_sval).cast::<u8>().add(size).write(0);
        }
        Ok(Some(Received { data: object, room }))
    }
}
