//! One owned reference to a Python object, and the operations every object has.

use std::ffi::CString;
use std::ptr::{self, NonNull};

use pyo3_ffi as c;

use super::exception::{Raised, Result};
use super::name::Name;

/// One owned reference. `&Obj` is a borrowed one; an array of C's `PyObject *` is a `[Obj]` that nobody drops.
#[repr(transparent)]
pub struct Obj(NonNull<c::PyObject>);

impl Clone for Obj {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: `self` is a live reference, and whoever holds one is attached.
        unsafe { count_up(self.0.as_ptr()) };
        Obj(self.0)
    }
}

impl Drop for Obj {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self` owns one reference, which ends here.
        unsafe { c::Py_DECREF(self.0.as_ptr()) }
    }
}

/// `Py_INCREF`. CPython 3.12 and 3.13 count up the lower half of a word, and down the whole; a processor that has just written
/// half a word waits when the whole is read, for longer than all else that a short method does. So this writes the whole.
///
/// # Safety
/// `object` is a live object, and the thread is attached.
#[inline(always)]
unsafe fn count_up(object: *mut c::PyObject) {
    const COUNTS_HALVES: bool =
        cfg!(all(Py_3_12, not(Py_3_14), target_pointer_width = "64", not(py_sys_config = "Py_REF_DEBUG")));
    // SAFETY: the caller vouches for the object. Where halves are counted, the count is a word, whose lower half is all
    // ones for an immortal object.
    unsafe {
        if !COUNTS_HALVES {
            return c::Py_INCREF(object);
        }
        let count = (&raw mut (*object).ob_refcnt).cast::<isize>();
        let now = count.read();
        if now as u32 != u32::MAX {
            count.write(now + 1);
        }
    }
}

/// How many arguments `call` and its kin take at the most.
const MOST_ARGUMENTS: usize = 7;

impl Obj {
    /// Takes over a new reference; NULL means that an exception is set.
    ///
    /// # Safety
    /// `ptr` is NULL with an exception set, or a reference that the caller owns and gives away.
    #[inline(always)]
    pub unsafe fn new_ref(ptr: *mut c::PyObject) -> Result<Obj> {
        match NonNull::new(ptr) {
            Some(ptr) => Ok(Obj(ptr)),
            None => Err(Raised::set()),
        }
    }

    /// Takes over a new reference that may be absent without an exception.
    ///
    /// # Safety
    /// `ptr` is NULL or a reference that the caller owns and gives away.
    #[inline(always)]
    pub unsafe fn take(ptr: *mut c::PyObject) -> Option<Obj> {
        NonNull::new(ptr).map(Obj)
    }

    /// Makes a reference of one's own from a borrowed pointer.
    ///
    /// # Safety
    /// `ptr` is a live object.
    #[inline(always)]
    pub unsafe fn borrowed(ptr: *mut c::PyObject) -> Obj {
        // SAFETY: the caller vouches for `ptr`.
        unsafe {
            count_up(ptr);
            Obj(NonNull::new_unchecked(ptr))
        }
    }

    /// Looks at a borrowed pointer as at a reference, for as long as the variable lives.
    ///
    /// # Safety
    /// `*ptr` is a live object for that long.
    #[inline(always)]
    pub unsafe fn peek(ptr: &*mut c::PyObject) -> &Obj {
        // SAFETY: `Obj` is a transparent non-null pointer, and the caller vouches for the object.
        unsafe { &*ptr::from_ref(ptr).cast::<Obj>() }
    }

    /// The same for a pointer that may be NULL.
    ///
    /// # Safety
    /// `*ptr` is NULL or a live object for that long.
    #[inline(always)]
    pub unsafe fn peek_nullable(ptr: &*mut c::PyObject) -> Option<&Obj> {
        // SAFETY: the caller vouches for what is not NULL.
        (!ptr.is_null()).then(|| unsafe { Obj::peek(ptr) })
    }

    /// Looks at an array of borrowed pointers.
    ///
    /// # Safety
    /// `args` has `len` live objects for `'a`.
    #[inline(always)]
    pub unsafe fn peek_array<'a>(args: *const *mut c::PyObject, len: usize) -> &'a [Obj] {
        if len == 0 {
            return &[];
        }
        // SAFETY: as for `peek`, for each element.
        unsafe { std::slice::from_raw_parts(args.cast::<Obj>(), len) }
    }

    /// The pointer, still owned by `self`.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut c::PyObject {
        self.0.as_ptr()
    }

    /// Asks the processor to have the object at hand soon: the memory from its start on, `lines` cache lines of it.
    #[inline(always)]
    pub fn prefetch(&self, lines: usize) {
        ferraio_core::sys::prefetch::prefetch(self.as_ptr(), lines);
    }

    /// The pointer and its reference, which the caller now owns.
    #[inline(always)]
    pub fn into_ptr(self) -> *mut c::PyObject {
        let ptr = self.0.as_ptr();
        std::mem::forget(self);
        ptr
    }

    /// `self[key] = value`.
    pub fn set_item(&self, key: &Obj, value: &Obj) -> Result<()> {
        // SAFETY: three live objects.
        Raised::check(unsafe { c::PyObject_SetItem(self.as_ptr(), key.as_ptr(), value.as_ptr()) })
    }

    /// `self[start:]` of something with the methods of a sequence.
    pub fn slice_from(&self, start: usize) -> Result<Obj> {
        // SAFETY: a live object; gives a new reference or NULL.
        unsafe { Obj::new_ref(c::PySequence_GetSlice(self.as_ptr(), start as isize, isize::MAX)) }
    }

    /// `len(self)`.
    pub fn length(&self) -> Result<usize> {
        // SAFETY: a live object.
        usize::try_from(unsafe { c::PyObject_Size(self.as_ptr()) }).map_err(|_| Raised::set())
    }

    /// `weakref.ref(self)`.
    pub fn weak_reference(&self) -> Result<Obj> {
        // SAFETY: a live object; NULL for the callback is none.
        unsafe { Obj::new_ref(c::PyWeakref_NewRef(self.as_ptr(), ptr::null_mut())) }
    }

    /// What `self`, a weak reference, refers to, if that is alive.
    pub fn weakly_referenced(&self) -> Result<Option<Obj>> {
        let mut object = ptr::null_mut();
        // SAFETY: a live object; `object` gets a new reference or NULL; what is no weak reference is refused.
        match unsafe { c::compat::PyWeakref_GetRef(self.as_ptr(), &mut object) } {
            -1 => Err(Raised::set()),
            // SAFETY: as above.
            _ => Ok(unsafe { Obj::take(object) }),
        }
    }

    /// Is there a weak reference to it?
    #[inline(always)]
    pub fn is_weakly_referenced(&self) -> bool {
        // SAFETY: a live object, or one that is about to go; the list lies where its type says.
        unsafe {
            let offset = (*self.type_ptr()).tp_weaklistoffset;
            offset != 0 && !self.as_ptr().cast::<u8>().offset(offset).cast::<*mut c::PyObject>().read().is_null()
        }
    }

    /// `self is other`.
    #[inline(always)]
    pub fn is(&self, other: &Obj) -> bool {
        self.0 == other.0
    }

    /// How many references there are.
    #[inline(always)]
    pub fn ref_count(&self) -> isize {
        // SAFETY: a live object.
        unsafe { c::Py_REFCNT(self.as_ptr()) }
    }

    /// The address of the object's type, to compare.
    #[inline(always)]
    pub fn type_ptr(&self) -> *mut c::PyTypeObject {
        // SAFETY: a live object.
        unsafe { c::Py_TYPE(self.as_ptr()) }
    }

    /// `type(self)`.
    pub fn type_obj(&self) -> Obj {
        // SAFETY: a live object's type is a live object.
        unsafe { Obj::borrowed(self.type_ptr().cast()) }
    }

    /// `bool(self)`.
    pub fn truth(&self) -> Result<bool> {
        // SAFETY: a live object.
        match unsafe { c::PyObject_IsTrue(self.as_ptr()) } {
            -1 => Err(Raised::set()),
            truth => Ok(truth == 1),
        }
    }

    /// `self == other`.
    pub fn equals(&self, other: &Obj) -> Result<bool> {
        // SAFETY: two live objects.
        match unsafe { c::PyObject_RichCompareBool(self.as_ptr(), other.as_ptr(), c::Py_EQ) } {
            -1 => Err(Raised::set()),
            truth => Ok(truth == 1),
        }
    }

    /// `self + other`.
    pub fn add(&self, other: &Obj) -> Result<Obj> {
        // SAFETY: two live objects.
        unsafe { Obj::new_ref(c::PyNumber_Add(self.as_ptr(), other.as_ptr())) }
    }

    /// `hash(self)`.
    pub fn hash(&self) -> Result<isize> {
        // SAFETY: a live object.
        match unsafe { c::PyObject_Hash(self.as_ptr()) } {
            -1 => Err(Raised::set()),
            hash => Ok(hash),
        }
    }

    /// `isinstance(self, class)`.
    pub fn is_instance(&self, class: &Obj) -> Result<bool> {
        // SAFETY: two live objects.
        match unsafe { c::PyObject_IsInstance(self.as_ptr(), class.as_ptr()) } {
            -1 => Err(Raised::set()),
            truth => Ok(truth == 1),
        }
    }

    /// Is it an instance of `class` by inheritance (no `__instancecheck__`)?
    pub fn is_real_instance(&self, class: &Obj) -> bool {
        // SAFETY: a live object; `class` is a type where this is called.
        unsafe {
            c::PyType_Check(class.as_ptr()) != 0 && c::PyObject_TypeCheck(self.as_ptr(), class.as_ptr().cast()) != 0
        }
    }

    /// Is it an exception (an instance of `BaseException`)?
    pub fn is_exception(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyExceptionInstance_Check(self.as_ptr()) != 0 }
    }

    /// Is it an exception class?
    pub fn is_exception_class(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyExceptionClass_Check(self.as_ptr()) != 0 }
    }

    /// Is it a generator?
    pub fn is_generator(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyGen_Check(self.as_ptr()) != 0 }
    }

    /// Is it exactly a coroutine of an `async def`?
    #[inline(always)]
    pub fn is_exact_coroutine(&self) -> bool {
        // SAFETY: a live object.
        unsafe { c::PyCoro_CheckExact(self.as_ptr()) != 0 }
    }

    /// `repr(self)` as text; the name of the type where that fails.
    pub fn repr_text(&self) -> String {
        // SAFETY: a live object.
        let repr = unsafe { Obj::new_ref(c::PyObject_Repr(self.as_ptr())) };
        match repr.and_then(|repr| repr.as_text()) {
            Ok(text) => text,
            Err(raised) => {
                raised.clear();
                format!("<{} object>", self.type_name())
            }
        }
    }

    /// `type(self).__name__`.
    pub fn type_name(&self) -> String {
        let name = self.type_obj().attr(&super::name::__NAME__).and_then(|name| name.as_text());
        name.unwrap_or_else(|raised| {
            raised.clear();
            String::from("object")
        })
    }

    /// `getattr(self, name)`.
    pub fn attr(&self, name: &Name) -> Result<Obj> {
        // SAFETY: two live objects.
        unsafe { Obj::new_ref(c::PyObject_GetAttr(self.as_ptr(), name.obj().as_ptr())) }
    }

    /// `getattr(self, name)`, or `None` where there is no such attribute.
    pub fn attr_opt(&self, name: &Name) -> Result<Option<Obj>> {
        let mut value = ptr::null_mut();
        // SAFETY: two live objects; `value` gets a new reference or NULL.
        unsafe {
            match c::compat::PyObject_GetOptionalAttr(self.as_ptr(), name.obj().as_ptr(), &mut value) {
                -1 => Err(Raised::set()),
                _ => Ok(Obj::take(value)),
            }
        }
    }

    /// `setattr(self, name, value)`.
    pub fn set_attr(&self, name: &Name, value: &Obj) -> Result<()> {
        // SAFETY: three live objects.
        Raised::check(unsafe { c::PyObject_SetAttr(self.as_ptr(), name.obj().as_ptr(), value.as_ptr()) })
    }

    /// `setattr(self, name, value)` as `object` does it, past the type's own `__setattr__`.
    pub fn generic_set_attr(&self, name: &Obj, value: Option<&Obj>) -> Result<()> {
        let value = value.map_or(ptr::null_mut(), Obj::as_ptr);
        // SAFETY: live objects; NULL deletes the attribute.
        Raised::check(unsafe { c::PyObject_GenericSetAttr(self.as_ptr(), name.as_ptr(), value) })
    }

    /// `self()`.
    #[inline(always)]
    pub fn call0(&self) -> Result<Obj> {
        // SAFETY: a live object.
        unsafe { Obj::new_ref(c::PyObject_CallNoArgs(self.as_ptr())) }
    }

    /// `self(*args)`.
    #[inline(always)]
    pub fn call<const N: usize>(&self, args: [&Obj; N]) -> Result<Obj> {
        const { assert!(N <= MOST_ARGUMENTS) };
        let mut stack = [ptr::null_mut(); MOST_ARGUMENTS + 1];
        for (place, arg) in stack[1..].iter_mut().zip(args) {
            *place = arg.as_ptr();
        }
        // SAFETY: N live arguments; the place before them may be used by the callee (that is what the flag says).
        unsafe {
            let count = N | c::PY_VECTORCALL_ARGUMENTS_OFFSET;
            Obj::new_ref(c::PyObject_Vectorcall(self.as_ptr(), stack.as_ptr().add(1), count, ptr::null_mut()))
        }
    }

    /// `self(*args)` for a slice of arguments.
    #[inline(always)]
    pub fn call_slice(&self, args: &[Obj]) -> Result<Obj> {
        // SAFETY: a slice of `Obj` is an array of live pointers.
        unsafe {
            Obj::new_ref(c::PyObject_Vectorcall(self.as_ptr(), args.as_ptr().cast(), args.len(), ptr::null_mut()))
        }
    }

    /// `self(*args, **kwargs)` for a tuple and a dict.
    pub fn call_tuple_dict(&self, args: &Obj, kwargs: Option<&Obj>) -> Result<Obj> {
        // SAFETY: live objects; NULL means no keywords.
        unsafe {
            Obj::new_ref(c::PyObject_Call(self.as_ptr(), args.as_ptr(), kwargs.map_or(ptr::null_mut(), Obj::as_ptr)))
        }
    }

    /// `self.name(*args)`.
    pub fn call_method<const N: usize>(&self, name: &Name, args: [&Obj; N]) -> Result<Obj> {
        self.call_method_with(name, args, N, None)
    }

    /// `self.name(*args, **keywords)`; the values of the keywords stand behind the arguments.
    pub fn call_method_with<const N: usize>(
        &self,
        name: &Name,
        args: [&Obj; N],
        positional: usize,
        keywords: Option<&Obj>,
    ) -> Result<Obj> {
        const { assert!(N < MOST_ARGUMENTS) };
        let mut stack = [ptr::null_mut(); MOST_ARGUMENTS + 1];
        stack[0] = self.as_ptr();
        for (place, arg) in stack[1..].iter_mut().zip(args) {
            *place = arg.as_ptr();
        }
        // SAFETY: `self`, the live arguments, then one for each name of the tuple `keywords`.
        unsafe {
            Obj::new_ref(c::PyObject_VectorcallMethod(
                name.obj().as_ptr(),
                stack.as_ptr(),
                positional + 1,
                keywords.map_or(ptr::null_mut(), Obj::as_ptr),
            ))
        }
    }

    /// `iter(self)`, each item given to `each`.
    pub fn for_each(&self, mut each: impl FnMut(Obj) -> Result<()>) -> Result<()> {
        // SAFETY: live objects; NULL without an exception ends the iteration.
        unsafe {
            let iterator = Obj::new_ref(c::PyObject_GetIter(self.as_ptr()))?;
            while let Some(item) = Obj::take(c::PyIter_Next(iterator.as_ptr())) {
                each(item)?;
            }
        }
        if Raised::is_set() { Err(Raised::set()) } else { Ok(()) }
    }

    /// `any(test(item) for item in self)`
    pub fn any(&self, mut test: impl FnMut(&Obj) -> Result<bool>) -> Result<bool> {
        // SAFETY: live objects; NULL without an exception ends the iteration.
        unsafe {
            let iterator = Obj::new_ref(c::PyObject_GetIter(self.as_ptr()))?;
            while let Some(item) = Obj::take(c::PyIter_Next(iterator.as_ptr())) {
                if test(&item)? {
                    return Ok(true);
                }
            }
        }
        if Raised::is_set() { Err(Raised::set()) } else { Ok(false) }
    }

    /// `import name`.
    pub fn import(name: &str) -> Result<Obj> {
        let name = CString::new(name).expect("module names hold no NUL");
        // SAFETY: a NUL-terminated name.
        unsafe { Obj::new_ref(c::PyImport_ImportModule(name.as_ptr())) }
    }

    /// Reports the set exception as one that nobody can catch, with `self` as the place where it happened.
    pub fn write_unraisable(&self) {
        // SAFETY: a live object.
        unsafe { c::PyErr_WriteUnraisable(self.as_ptr()) }
    }
}
