//! Addresses seen lately, in the kernel's form and in Python's.
//!
//! Who receives a datagram most often answers it, with the very object that came with it: then nothing has to be read
//! or written. Objects are kept that cannot change: tuples of strings and numbers.

use std::cell::RefCell;

use ferraio_core::address::Address;

use crate::ffi::socket_address::{Family, from_python, to_python};
use crate::ffi::{Obj, Result};

/// How many are kept (`echo.udp` in the benches has ten clients).
const KEPT: usize = 16;

/// The addresses.
#[derive(Default)]
pub(super) struct AddressBook(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    entries: Vec<(Address, Obj)>,
    /// Where the last one was found.
    last: usize,
    /// Which one is replaced next.
    oldest: usize,
}

impl AddressBook {
    /// The Python object for an address of the kernel's; `None` if only the socket could make it.
    #[inline]
    pub(super) fn object(&self, address: &Address) -> Result<Option<Obj>> {
        {
            let mut book = self.0.borrow_mut();
            if let Some(index) = book.find(|(known, _)| known == address) {
                book.last = index;
                return Ok(Some(book.entries[index].1.clone()));
            }
        }
        let object = to_python(address)?;
        if let Some(object) = object.as_ref().filter(|object| object.is_tuple()) {
            let replaced = self.0.borrow_mut().add(*address, object.clone());
            drop(replaced);
        }
        Ok(object)
    }

    /// Calls `with` with the kernel's form of a Python object; `None` if the socket has to read it.
    #[inline]
    pub(super) fn with_address<T>(&self, object: &Obj, family: Family, with: impl FnOnce(&Address) -> T) -> Option<T> {
        let book = self.0.borrow();
        match book.find(|(_, known)| known.is(object)) {
            Some(index) => Some(with(&book.entries[index].0)),
            None => from_python(object, family).map(|address| with(&address)),
        }
    }
}

impl Entries {
    /// Most often it is the one that was found the last time, or the next.
    #[inline(always)]
    fn find(&self, is_it: impl Fn(&(Address, Obj)) -> bool) -> Option<usize> {
        let (before, from_last) = self.entries.split_at(self.last.min(self.entries.len()));
        match from_last.iter().position(&is_it) {
            Some(index) => Some(before.len() + index),
            None => before.iter().position(is_it),
        }
    }

    fn add(&mut self, address: Address, object: Obj) -> Option<Obj> {
        if self.entries.len() < KEPT {
            self.last = self.entries.len();
            self.entries.push((address, object));
            return None;
        }
        self.last = self.oldest;
        self.oldest = (self.oldest + 1) % KEPT;
        Some(std::mem::replace(&mut self.entries[self.last], (address, object)).1)
    }
}
