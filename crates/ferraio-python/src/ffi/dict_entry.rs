//! Replacing the value of one key of a dict in place, without looking the key up each time.
//!
//! Up to CPython 3.13 the current task stands in a dict, and each step of a task sets it: a look-up by hash would cost
//! more than all else that we do in a step. The layout of a dict's table is not part of the C API, but the same in 3.11,
//! 3.12 and 3.13, which change no more; [`PlaceInDict::is_understood`] tries it on a dict of ours before it is relied on.

use std::cell::Cell;
use std::ptr;

use pyo3_ffi as c;

use super::exception::Result;
use super::object::Obj;

/// Where a dict keeps a key that was looked up before.
pub struct PlaceInDict {
    table: Cell<*mut Table>,
    shape: Cell<Shape>,
    index: Cell<isize>,
}

// SAFETY: only touched while attached, and the module declares that it needs the GIL.
unsafe impl Sync for PlaceInDict {}

/// `PyDictKeysObject`, up to its indices; the entries follow these.
#[repr(C)]
struct Table {
    references: isize,
    shape: Shape,
    version: u32,
    usable: isize,
    entries: isize,
}

/// What decides where a table's entries begin and how many there can be.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Shape {
    log2_size: u8,
    log2_index_bytes: u8,
    /// 0: each entry carries its hash.
    kind: u8,
}

/// `PyDictKeyEntry`.
#[repr(C)]
struct Entry {
    hash: isize,
    key: *mut c::PyObject,
    value: *mut c::PyObject,
}

impl PlaceInDict {
    /// No place is known.
    pub const fn new() -> Self {
        PlaceInDict {
            table: Cell::new(ptr::null_mut()),
            shape: Cell::new(Shape { log2_size: 0, log2_index_bytes: 0, kind: 0 }),
            index: Cell::new(0),
        }
    }

    /// Replaces the value of `key`, and tells whether it did: not if the place is not known, or is another by now.
    #[inline(always)]
    pub fn replace(&self, dict: &Obj, key: &Obj, value: &Obj) -> bool {
        let table = table_of(dict);
        if table != self.table.get() {
            return false;
        }
        // SAFETY: the dict's own table, alive. Its entries are looked at only where a table of the same shape had the
        // place before and it says that it has as many. The old value, owned by the entry, is dropped last.
        let old = unsafe {
            if (*table).shape != self.shape.get() || (*table).entries <= self.index.get() {
                return false;
            }
            let entry = entry(table, self.index.get());
            if (*entry).key != key.as_ptr() || (*entry).value.is_null() {
                return false;
            }
            ptr::replace(&mut (*entry).value, value.clone().into_ptr())
        };
        // SAFETY: the reference that the entry owned.
        drop(unsafe { Obj::take(old) });
        true
    }

    /// Remembers the place of `key`, if the dict has it.
    pub fn find(&self, dict: &Obj, key: &Obj) {
        let table = table_of(dict);
        self.table.set(ptr::null_mut());
        // SAFETY: as above; only entries that the table says it has are looked at. The newest comes last.
        unsafe {
            if (*table).shape.kind != 0 {
                return;
            }
            for index in (0..(*table).entries).rev() {
                if (*entry(table, index)).key == key.as_ptr() {
                    self.table.set(table);
                    self.shape.set((*table).shape);
                    self.index.set(index);
                    return;
                }
            }
        }
    }

    /// Are the dicts of this interpreter as we think? Tried on one made for it.
    pub fn is_understood() -> Result<bool> {
        let (dict, key, other) = (Obj::dict()?, Obj::float(0.5)?, Obj::float(1.5)?);
        let (before, after) = (Obj::dict()?, Obj::dict()?);
        dict.dict_set(&other, &before)?;
        dict.dict_set(&key, &before)?;
        let table = table_of(&dict);
        // SAFETY: the table of a dict that was just made: larger than what is read here in any layout.
        let looks_right = unsafe {
            let shape = (*table).shape;
            let entries = entry(table, 0);
            (*table).references == 1
                && (*table).entries == 2
                && (shape.log2_size, shape.log2_index_bytes, shape.kind) == (3, 3, 0)
                && (*entries).key == other.as_ptr()
                && (*entries.add(1)).key == key.as_ptr()
                && (*entries.add(1)).hash == key.hash()?
                && (*entries.add(1)).value == before.as_ptr()
        };
        if !looks_right {
            return Ok(false);
        }
        let place = PlaceInDict::new();
        place.find(&dict, &key);
        Ok(place.replace(&dict, &key, &after) && holds(&dict, &key, &after)? && holds(&dict, &other, &before)?)
    }
}

fn holds(dict: &Obj, key: &Obj, value: &Obj) -> Result<bool> {
    Ok(dict.dict_get(key)?.is_some_and(|found| found.is(value)))
}

fn table_of(dict: &Obj) -> *mut Table {
    // SAFETY: callers pass dicts, whose values are not kept apart (only those of instances are).
    unsafe { (*dict.as_ptr().cast::<c::PyDictObject>()).ma_keys.cast() }
}

/// # Safety
/// The table lives, and has an entry of that number.
#[inline(always)]
unsafe fn entry(table: *mut Table, index: isize) -> *mut Entry {
    // SAFETY: the indices follow the header, the entries the indices.
    unsafe { table.add(1).cast::<u8>().add(1 << (*table).shape.log2_index_bytes).cast::<Entry>().offset(index) }
}
