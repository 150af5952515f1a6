//! Objects of Python's own simple classes: made from Rust values, recognised, and read.

use std::ptr;

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::object::Obj;

impl Obj {
    /// `None`.
    #[inline(always)]
    pub fn none() -> Obj {
        // SAFETY: None is a live object.
        unsafe { Obj::borrowed(c::Py_None()) }
    }

    /// `True` or `False`.
    #[inline(always)]
    pub fn bool(value: bool) -> Obj {
        // SAFETY: both are live objects.
        unsafe { Obj::borrowed(if value { c::Py_True() } else { c::Py_False() }) }
    }

    /// A `float`.
    pub fn float(value: f64) -> Result<Obj> {
        // SAFETY: gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PyFloat_FromDouble(value)) }
    }

    /// An `int`.
    pub fn int(value: i64) -> Result<Obj> {
        // SAFETY: gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PyLong_FromLongLong(value)) }
    }

    /// A `str`.
    pub fn str(text: &str) -> Result<Obj> {
        // SAFETY: pointer and length are those of `text`.
        unsafe { Obj::new_ref(c::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize)) }
    }

    /// A `bytes` with a copy of `data`.
    pub fn bytes(data: &[u8]) -> Result<Obj> {
        // SAFETY: pointer and length are those of `data`.
        unsafe { Obj::new_ref(c::PyBytes_FromStringAndSize(data.as_ptr().cast(), data.len() as isize)) }
    }

    /// A `tuple` of these.
    pub fn tuple<const N: usize>(items: [Obj; N]) -> Result<Obj> {
        Obj::tuple_from(items.into_iter())
    }

    /// A `tuple` of what the iterator gives.
    pub fn tuple_from(items: impl ExactSizeIterator<Item = Obj>) -> Result<Obj> {
        // SAFETY: a new tuple is filled completely before anybody sees it; SET_ITEM takes over each reference.
        unsafe {
            let tuple = Obj::new_ref(c::PyTuple_New(items.len() as isize))?;
            for (index, item) in items.enumerate() {
                c::PyTuple_SET_ITEM(tuple.as_ptr(), index as isize, item.into_ptr());
            }
            Ok(tuple)
        }
    }

    /// A `list` of what the iterator gives.
    pub fn list_from(items: impl ExactSizeIterator<Item = Obj>) -> Result<Obj> {
        // SAFETY: a new list is filled completely before anybody sees it; SET_ITEM takes over each reference.
        unsafe {
            let list = Obj::new_ref(c::PyList_New(items.len() as isize))?;
            for (index, item) in items.enumerate() {
                c::PyList_SET_ITEM(list.as_ptr(), index as isize, item.into_ptr());
            }
            Ok(list)
        }
    }

    /// An empty `set`.
    pub fn set() -> Result<Obj> {
        // SAFETY: gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PySet_New(ptr::null_mut())) }
    }

    /// An empty `dict`.
    pub fn dict() -> Result<Obj> {
        // SAFETY: gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PyDict_New()) }
    }

    /// `memoryview(self)`.
    pub fn memory_view(&self) -> Result<Obj> {
        // SAFETY: a live object; gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PyMemoryView_FromObject(self.as_ptr())) }
    }

    /// `self is None`.
    #[inline(always)]
    pub fn is_none(&self) -> bool {
        // SAFETY: compares an address.
        self.as_ptr() == unsafe { c::Py_None() }
    }

    /// Is it exactly a `bytes`?
    pub fn is_exact_bytes(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyBytes_CheckExact(self.as_ptr()) != 0 }
    }

    /// Is it a `bytes`, `bytearray` or `memoryview`, or of a subclass?
    #[inline(always)]
    pub fn is_bytes_like(&self) -> bool {
        // SAFETY: a live object.
        unsafe {
            c::PyBytes_Check(self.as_ptr()) != 0
                || c::PyByteArray_Check(self.as_ptr()) != 0
                || c::PyMemoryView_Check(self.as_ptr()) != 0
        }
    }

    /// Is it a `tuple`?
    #[inline(always)]
    pub fn is_tuple(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyTuple_Check(self.as_ptr()) != 0 }
    }

    /// The value of a `float`, or of what turns into one.
    pub fn as_f64(&self) -> Result<f64> {
        // SAFETY: a live object.
        let value = unsafe { c::PyFloat_AsDouble(self.as_ptr()) };
        if value == -1.0 && Raised::is_set() { Err(Raised::set()) } else { Ok(value) }
    }

    /// The value, if it is exactly a `float`.
    pub fn exact_f64(&self) -> Option<f64> {
        // SAFETY: a live object, checked to be a float before its value is read.
        unsafe { (c::PyFloat_CheckExact(self.as_ptr()) != 0).then(|| c::PyFloat_AS_DOUBLE(self.as_ptr())) }
    }

    /// The value, if it is exactly an `int` that fits.
    pub fn exact_int_as_f64(&self) -> Option<f64> {
        // SAFETY: a live object, checked to be an int before its value is read.
        let value = unsafe {
            if c::PyLong_CheckExact(self.as_ptr()) == 0 {
                return None;
            }
            c::PyLong_AsDouble(self.as_ptr())
        };
        if value == -1.0 && Raised::is_set() {
            Raised::set().clear();
            return None;
        }
        Some(value)
    }

    /// The value of an `int`.
    pub fn as_i64(&self) -> Result<i64> {
        // SAFETY: a live object.
        let value = unsafe { c::PyLong_AsLongLong(self.as_ptr()) };
        if value == -1 && Raised::is_set() { Err(Raised::set()) } else { Ok(value) }
    }

    /// The value, if it is exactly an `int` that fits.
    pub fn exact_i64(&self) -> Option<i64> {
        let mut overflow = 0;
        // SAFETY: a live object, checked to be an int before its value is read; such a reading does not fail.
        unsafe {
            if c::PyLong_CheckExact(self.as_ptr()) == 0 {
                return None;
            }
            let value = c::PyLong_AsLongLongAndOverflow(self.as_ptr(), &mut overflow);
            (overflow == 0).then_some(value)
        }
    }

    /// The text of a `str`; one with lone surrogates is refused with an exception.
    pub fn as_text(&self) -> Result<String> {
        let mut len = 0;
        // SAFETY: the pointer is valid for `len` bytes while `self` lives; it is copied at once.
        unsafe {
            let text = c::PyUnicode_AsUTF8AndSize(self.as_ptr(), &mut len);
            if text.is_null() {
                return Err(Raised::set());
            }
            Ok(String::from_utf8_lossy(std::slice::from_raw_parts(text.cast(), len as usize)).into_owned())
        }
    }

    /// The bytes of an exact `bytes` object, which nobody can change.
    #[inline]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: a `bytes` object has its length in its head and its bytes behind that, never changes, and lives as long
        // as `self`.
        self.is_exact_bytes().then(|| unsafe {
            let bytes = self.as_ptr().cast::<c::PyBytesObject>();
            std::slice::from_raw_parts((&raw const (*bytes).ob_sval).cast(), c::Py_SIZE(self.as_ptr()) as usize)
        })
    }

    /// The items of a `tuple`; none of anything else, which a program may have put in its place.
    #[inline]
    pub fn tuple_items(&self) -> &[Obj] {
        if !self.is_tuple() {
            return &[];
        }
        // SAFETY: a tuple holds `len` live objects in a row and does not change.
        unsafe {
            let tuple = self.as_ptr().cast::<c::PyTupleObject>();
            Obj::peek_array((&raw const (*tuple).ob_item).cast(), c::PyTuple_GET_SIZE(self.as_ptr()) as usize)
        }
    }

    /// `self[key] = value` of a `dict`.
    pub fn dict_set(&self, key: &Obj, value: &Obj) -> Result<()> {
        // SAFETY: three live objects; a non-dict is refused with an exception.
        Raised::check(unsafe { c::PyDict_SetItem(self.as_ptr(), key.as_ptr(), value.as_ptr()) })
    }

    /// `del self[key]` of a `dict` that has the key.
    pub fn dict_remove(&self, key: &Obj) -> Result<()> {
        // SAFETY: two live objects; a non-dict is refused with an exception.
        Raised::check(unsafe { c::PyDict_DelItem(self.as_ptr(), key.as_ptr()) })
    }

    /// `self[key]` of a `dict`, if it is there.
    pub fn dict_get(&self, key: &Obj) -> Result<Option<Obj>> {
        let mut value = ptr::null_mut();
        // SAFETY: two live objects; `value` gets a new reference or NULL; a non-dict is refused with an exception.
        match unsafe { c::compat::PyDict_GetItemRef(self.as_ptr(), key.as_ptr(), &mut value) } {
            -1 => Err(Raised::set()),
            // SAFETY: as above.
            _ => Ok(unsafe { Obj::take(value) }),
        }
    }

    /// `self.add(item)` of a `set`.
    #[inline(always)]
    pub fn set_add(&self, item: &Obj) -> Result<()> {
        // SAFETY: two live objects; what is not a set is refused with an exception.
        Raised::check(unsafe { c::PySet_Add(self.as_ptr(), item.as_ptr()) })
    }

    /// `self.discard(item)` of a `set`.
    #[inline(always)]
    pub fn set_discard(&self, item: &Obj) -> Result<()> {
        // SAFETY: two live objects; what is not a set is refused with an exception.
        Raised::check(unsafe { c::PySet_Discard(self.as_ptr(), item.as_ptr()) })
    }

    /// `len(self)` of a `set`.
    pub fn set_len(&self) -> Result<usize> {
        // SAFETY: a live object; what is not a set is refused with an exception.
        usize::try_from(unsafe { c::PySet_Size(self.as_ptr()) }).map_err(|_| Raised::set())
    }
}
