//! Addresses seen lately, in the kernel's form and in Python's.
//!
//! Who receives a datagram most often answers it, with the very object that came with it: then nothing has to be made or
//! read. Objects are kept that cannot change: tuples of strings and numbers.

use std::cell::RefCell;

use ferraio_core::address::Address;

use crate::ffi::socket_address::{Family, from_python, to_python};
use crate::ffi::{Obj, Result};

/// How many are kept (`echo.udp_*` in the benches have ten clients).
const KEPT: usize = 32;

/// The addresses of a loop.
#[derive(Default)]
pub struct AddressBook(RefCell<Entries>);

/// Side by side, so that a search looks at little memory.
#[derive(Default)]
struct Entries {
    addresses: Vec<Address>,
    objects: Vec<Obj>,
    /// Which one was found last.
    last: usize,
    /// Which one is replaced next.
    oldest: usize,
}

impl AddressBook {
    /// The Python object for an address of the kernel's; `None` if only a socket object could make it.
    #[inline]
    pub(super) fn object(&self, address: &Address) -> Result<Option<Obj>> {
        {
            let mut book = self.0.borrow_mut();
            if let Some(index) = find(&book.addresses, book.last, |known| known == address) {
                book.last = index;
                return Ok(Some(book.objects[index].clone()));
            }
        }
        let object = to_python(address)?;
        if let Some(object) = object.as_ref().filter(|object| object.is_tuple()) {
            let replaced = self.0.borrow_mut().add(*address, object.clone());
            drop(replaced);
        }
        Ok(object)
    }

    /// Calls `with` with the kernel's form of a Python object; `None` if a socket object has to read it.
    #[inline]
    pub(super) fn with_address<T>(&self, object: &Obj, family: Family, with: impl FnOnce(&Address) -> T) -> Option<T> {
        let book = self.0.borrow();
        let known = find(&book.objects, book.last, |known| known.is(object)).map(|index| &book.addresses[index]);
        match known.filter(|known| family.has(known)) {
            Some(known) => Some(with(known)),
            None => from_python(object, family).map(|address| with(&address)),
        }
    }
}

/// Most often it is the one that was found the last time, or the next.
#[inline(always)]
fn find<T>(all: &[T], last: usize, is_it: impl Fn(&T) -> bool) -> Option<usize> {
    let (before, from_last) = all.split_at(last.min(all.len()));
    match from_last.iter().position(&is_it) {
        Some(index) => Some(before.len() + index),
        None => before.iter().position(is_it),
    }
}

impl Entries {
    fn add(&mut self, address: Address, object: Obj) -> Option<Obj> {
        if self.objects.len() < KEPT {
            self.last = self.objects.len();
            self.addresses.push(address);
            self.objects.push(object);
            return None;
        }
        self.last = self.oldest;
        self.oldest = (self.oldest + 1) % KEPT;
        self.addresses[self.last] = address;
        Some(std::mem::replace(&mut self.objects[self.last], object))
    }
}
