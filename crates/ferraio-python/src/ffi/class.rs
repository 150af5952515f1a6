//! Our classes: raw C types whose instances carry a Rust value.
//!
//! An instance is the C struct of its base class followed by the value. The memory of finished instances of the exact
//! class goes to a free list; an instance of a Python subclass is the interpreter's own business.

use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use pyo3_ffi as c;

use super::exception::Result;
use super::object::Obj;

/// How many instances of a class that programs make by the thousand are kept for reuse: up to a few megabytes, so that
/// the next wave of as many tasks, futures and timers needs no memory allocator.
pub const MANY: usize = 12_000;

/// A Rust type whose values live in Python objects.
pub trait Class: Sized + 'static {
    /// The full name, `package.module.Name`.
    const NAME: &'static CStr;
    /// The docstring.
    const DOC: &'static CStr;
    /// Can instances be part of a reference cycle? Then `traverse` and `clear` list what they hold.
    const GC: bool = true;
    /// Is the class made over another class with a C struct of its own, whose traverse and clear are to be called?
    const OVER_BASE: bool = false;
    /// Is that base written in Python? Its slots are not used, and its traverse and clear are not called: they begin at
    /// the type of the instance and so come to ours by themselves.
    const BASE_IS_PYTHON: bool = false;
    /// How many finished instances are kept for reuse.
    const KEEP: usize = 0;
    /// The offset of the field of type [`WeakReferences`], if instances may be weakly referenced and no base class sees
    /// to that.
    const WEAK_REFERENCES: Option<usize> = None;
    /// The offset of the field with the function that the interpreter calls, for instances that are functions.
    const VECTORCALL: Option<usize> = None;
    /// Has the class a Python subclass, there for good, to which nearly all instances belong? It is then told as fast as
    /// the class itself.
    const HAS_USUAL_SUBCLASS: bool = false;
    /// What a new instance made by Python holds before `__init__`; `None`: Python cannot make one.
    const NEW: Option<fn() -> Self> = None;

    /// The class object and where the value lies in an instance.
    fn cell() -> &'static ClassCell;

    /// Shows each Python object held to the garbage collector.
    fn traverse(&self, _visit: &mut Visit) {}
    /// Lets go of each Python object that may be part of a cycle.
    fn clear(&self) {}
    /// Is there something to say at the end of this instance's life?
    fn needs_finalizer(&self) -> bool {
        false
    }
    /// Says it; the instance may be kept alive by whoever hears it.
    fn finalize(_this: &Own<Self>) {}
    /// Runs when nobody refers to the instance any more, before its contents go.
    fn before_free(_this: &Own<Self>) {}
}

/// The class object of a [`Class`], once it is made.
pub struct ClassCell {
    class: AtomicPtr<c::PyTypeObject>,
    usual_subclass: AtomicPtr<c::PyTypeObject>,
    offset: AtomicUsize,
    kept: UnsafeCell<Vec<*mut c::PyObject>>,
    /// Was the finaliser of any instance called? Such an instance is not kept: the next in its memory would have none.
    has_finalized: Cell<bool>,
}

// SAFETY: written once while the module is made; the rest is only touched while attached, and the module declares that it
// needs the GIL.
unsafe impl Sync for ClassCell {}

impl ClassCell {
    /// No class yet.
    pub const fn new() -> Self {
        ClassCell {
            class: AtomicPtr::new(ptr::null_mut()),
            usual_subclass: AtomicPtr::new(ptr::null_mut()),
            offset: AtomicUsize::new(0),
            kept: UnsafeCell::new(Vec::new()),
            has_finalized: Cell::new(false),
        }
    }

    /// The class object.
    #[inline(always)]
    pub fn obj(&self) -> &Obj {
        debug_assert!(!self.class.load(Relaxed).is_null(), "the class is made");
        // SAFETY: set when the module was made, never changed; the atomic has the layout of the pointer in it.
        unsafe { &*ptr::from_ref(&self.class).cast::<Obj>() }
    }

    #[inline(always)]
    fn ptr(&self) -> *mut c::PyTypeObject {
        self.class.load(Relaxed)
    }
}

/// An owned reference to an instance of `T`, or of a Python subclass of it.
#[repr(transparent)]
pub struct Own<T: Class>(Obj, PhantomData<*const T>);

impl<T: Class> Clone for Own<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        Own(self.0.clone(), PhantomData)
    }
}

impl<T: Class> Deref for Own<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: an instance of the class holds a `T` at the offset, and only shared references to it are made.
        unsafe { &*value_ptr::<T>(self.0.as_ptr()) }
    }
}

impl<T: Class> Own<T> {
    /// A new instance of the exact class. The value is made where it will lie, if there is a kept instance, and not moved.
    #[inline(always)]
    pub fn new(value: impl FnOnce() -> T) -> Result<Self> {
        Self::make(value, T::GC)
    }

    /// The same, for one that holds nothing that could lead back to it: the collector need not see it, before `track`.
    #[inline(always)]
    pub fn new_untracked(value: impl FnOnce() -> T) -> Result<Self> {
        Self::make(value, false)
    }

    /// Shows an instance made by `new_untracked` to the collector from now on.
    pub fn track(&self) {
        // SAFETY: a live object whose class has garbage collection (`new_untracked` is for such), and its value is written.
        unsafe {
            if c::PyObject_GC_IsTracked(self.0.as_ptr()) == 0 {
                c::PyObject_GC_Track(self.0.as_ptr().cast());
            }
        }
    }

    #[inline(always)]
    fn make(value: impl FnOnce() -> T, tracked: bool) -> Result<Self> {
        let cell = T::cell();
        // SAFETY: attached, so nobody else touches the list; a kept instance is untracked memory whose type is the
        // exact class and whose value was dropped; a fresh one is zeroed by tp_alloc. The value is written before
        // anybody, the collector included, can see the object.
        unsafe {
            if let Some(object) = (*cell.kept.get()).pop() {
                revive(object);
                value_ptr::<T>(object).write(value());
                if tracked {
                    c::PyObject_GC_Track(object.cast());
                }
                return Ok(Own(Obj::new_ref(object)?, PhantomData));
            }
            // Made first: the collector sees what tp_alloc gives at once, and making the value may start it (3.11).
            let value = value();
            let class = cell.ptr();
            let alloc = (*class).tp_alloc.expect("every class has an allocator");
            let object = Obj::new_ref(alloc(class, 0))?;
            value_ptr::<T>(object.as_ptr()).write(value);
            if T::GC && !tracked {
                c::PyObject_GC_UnTrack(object.as_ptr().cast());
            }
            Ok(Own(object, PhantomData))
        }
    }

    /// A new instance of a Python subclass, without `__init__`.
    #[inline]
    pub fn new_in(class: &Obj, value: T) -> Result<Self> {
        let class = class.as_ptr().cast::<c::PyTypeObject>();
        // SAFETY: a class is expected, and checked to be a subclass of ours: its instances have room for a `T` at the
        // offset, and nobody sees one before the value is written.
        unsafe {
            assert!(c::PyType_IsSubtype(class, T::cell().ptr()) != 0, "a subclass");
            let is_direct = (*class).tp_base == T::cell().ptr();
            if T::HAS_USUAL_SUBCLASS && is_direct && T::cell().usual_subclass.load(Relaxed).is_null() {
                // It is not a program's own, and lives for ever from now on: no other class can come to its address.
                c::Py_INCREF(class.cast());
                T::cell().usual_subclass.store(class, Relaxed);
            }
            let alloc = (*class).tp_alloc.expect("every class has an allocator");
            let object = Obj::new_ref(alloc(class, 0))?;
            value_ptr::<T>(object.as_ptr()).write(value);
            Ok(Own(object, PhantomData))
        }
    }

    /// The object as an instance of `T`, if it is one.
    #[inline(always)]
    pub fn from_obj(object: &Obj) -> Option<&Own<T>> {
        let (class, found) = (T::cell().ptr(), object.type_ptr());
        let is_usual = found == class || (T::HAS_USUAL_SUBCLASS && found == T::cell().usual_subclass.load(Relaxed));
        // SAFETY: a live object and a class; the layouts of `Obj` and `Own` are the same.
        unsafe {
            (is_usual || c::PyType_IsSubtype(found, class) != 0).then(|| &*ptr::from_ref(object).cast::<Own<T>>())
        }
    }

    /// The object as an instance of exactly `T`'s class, if it is one.
    #[inline(always)]
    pub fn from_exact(object: &Obj) -> Option<&Own<T>> {
        // SAFETY: the layouts of `Obj` and `Own` are the same.
        (object.type_ptr() == T::cell().ptr()).then(|| unsafe { &*ptr::from_ref(object).cast::<Own<T>>() })
    }

    /// The object as an instance of `T`.
    ///
    /// # Safety
    /// It is one.
    #[inline(always)]
    pub unsafe fn from_obj_unchecked(object: Obj) -> Own<T> {
        Own(object, PhantomData)
    }

    /// Drops it. If that was the last reference to an instance of the exact class, its memory is kept for the next one
    /// without asking the interpreter, which would only ask us.
    #[inline(always)]
    pub fn drop_last(self) {
        // Who traces references is told of each beginning there (`revive`), and so of each end.
        const TELLS_NOBODY: bool =
            cfg!(not(any(Py_3_14, py_sys_config = "Py_REF_DEBUG", py_sys_config = "Py_TRACE_REFS")));
        let (cell, object) = (T::cell(), self.0.as_ptr());
        let is_plain = TELLS_NOBODY && !T::GC && !T::OVER_BASE && self.is_only_reference();
        // SAFETY: attached, so nobody else touches the list.
        let has_room = || unsafe { (*cell.kept.get()).len() < T::KEEP };
        if !is_plain || self.0.type_ptr() != cell.ptr() || self.needs_finalizer() || !has_room() {
            return;
        }
        T::before_free(&self);
        std::mem::forget(self);
        // SAFETY: ours was the only reference, and is forgotten; its memory is kept when its contents are gone.
        unsafe {
            ptr::drop_in_place(value_ptr::<T>(object));
            (*cell.kept.get()).push(object);
        }
    }

    /// Clears what the base class keeps in the instance, its `__dict__` for example.
    pub fn clear_base(&self) {
        // SAFETY: a live instance; clearing is what the collector may do to it, too.
        unsafe { clear_base::<T>(self.0.as_ptr()) }
    }

    /// Does nobody else refer to it, not even weakly?
    #[inline(always)]
    pub fn is_only_reference(&self) -> bool {
        self.0.ref_count() == 1 && !self.0.is_weakly_referenced()
    }

    /// The object.
    #[inline(always)]
    pub fn obj(&self) -> &Obj {
        &self.0
    }

    /// The object, giving up the typed reference.
    #[inline(always)]
    pub fn into_obj(self) -> Obj {
        self.0
    }

    /// The instance as one of `U`, whose value is the first field of `T`.
    #[inline(always)]
    pub fn upcast<U: Class>(&self) -> &Own<U>
    where
        T: StartsWith<U>,
    {
        // SAFETY: the marker's implementor vouches that a `U` lies where the `T` begins.
        unsafe { &*ptr::from_ref(self).cast::<Own<U>>() }
    }
}

/// `T` is `repr(C)`, its first field is a `U`, and both classes put their value at the same offset.
///
/// # Safety
/// That must be so.
pub unsafe trait StartsWith<U: Class>: Class {}

/// Where the value of an instance lies.
#[inline(always)]
unsafe fn value_ptr<T: Class>(object: *mut c::PyObject) -> *mut T {
    let offset = if T::OVER_BASE { T::cell().offset.load(Relaxed) } else { size_of::<c::PyObject>() };
    // SAFETY: every instance is at least `offset + size_of::<T>()` long.
    unsafe { object.cast::<u8>().add(offset).cast::<T>() }
}

#[cfg(any(Py_3_14, py_sys_config = "Py_REF_DEBUG", py_sys_config = "Py_TRACE_REFS"))]
unsafe extern "C" {
    fn _Py_NewReference(object: *mut c::PyObject);
}

/// Makes kept memory an object with one reference again.
#[inline(always)]
unsafe fn revive(object: *mut c::PyObject) {
    // SAFETY: the caller owns the memory; its type pointer is still set.
    unsafe {
        #[cfg(any(Py_3_14, py_sys_config = "Py_REF_DEBUG", py_sys_config = "Py_TRACE_REFS"))]
        _Py_NewReference(object);
        #[cfg(not(any(Py_3_14, py_sys_config = "Py_REF_DEBUG", py_sys_config = "Py_TRACE_REFS")))]
        {
            (&raw mut (*object).ob_refcnt).cast::<isize>().write(1);
        }
    }
}

/// The list of weak references to an instance, which the interpreter keeps in the instance.
#[repr(transparent)]
pub struct WeakReferences(Cell<*mut c::PyObject>);

impl WeakReferences {
    /// No weak references.
    pub const fn none() -> Self {
        WeakReferences(Cell::new(ptr::null_mut()))
    }
}

/// What the garbage collector gives to `traverse`.
pub struct Visit {
    visit: c::visitproc,
    arg: *mut c_void,
    status: c_int,
}

impl Visit {
    /// Shows one object.
    pub fn object(&mut self, object: &Obj) {
        if self.status == 0 {
            // SAFETY: the collector's own function and argument.
            self.status = unsafe { (self.visit)(object.as_ptr(), self.arg) };
        }
    }

    /// Shows one of our objects.
    pub fn own<T: Class>(&mut self, object: &Own<T>) {
        self.object(object.obj());
    }
}

/// What a class is made of, beside its [`Class`] implementation.
#[derive(Default)]
pub struct ClassParts {
    /// Methods.
    pub methods: Vec<c::PyMethodDef>,
    /// Attributes.
    pub attributes: Vec<c::PyGetSetDef>,
    /// Further slots of the type.
    pub slots: Vec<c::PyType_Slot>,
    /// The base class, if it is not `object`.
    pub base: Option<Obj>,
    /// Where the value lies in an instance, if not right behind the bare object header.
    pub offset: Option<usize>,
}

/// The offset behind the C struct of `base`.
pub fn offset_behind(base: &Obj) -> usize {
    // SAFETY: `base` is a class.
    let size = unsafe { (*base.as_ptr().cast::<c::PyTypeObject>()).tp_basicsize } as usize;
    size.next_multiple_of(align_of::<usize>())
}

/// Makes the class of `T` in `module`.
pub fn make<T: Class>(module: &Obj, mut parts: ClassParts) -> Result<Obj> {
    const { assert!(align_of::<T>() <= align_of::<usize>()) };
    let offset = parts.offset.unwrap_or(size_of::<c::PyObject>());
    T::cell().offset.store(offset, Relaxed);
    let size = offset + size_of::<T>().next_multiple_of(align_of::<usize>());
    // SAFETY of all that follows: the arrays are ended by zeroed entries and live for ever (leaked), each slot has the
    // function type that its number asks for.
    let mut slots = std::mem::take(&mut parts.slots);
    slots.push(slot(c::Py_tp_doc, T::DOC.as_ptr().cast_mut().cast()));
    slots.push(slot(c::Py_tp_dealloc, dealloc::<T> as *mut c_void));
    slots.push(slot(c::Py_tp_finalize, finalize::<T> as *mut c_void));
    if T::GC {
        slots.push(slot(c::Py_tp_traverse, traverse::<T> as *mut c_void));
        slots.push(slot(c::Py_tp_clear, clear::<T> as *mut c_void));
    }
    if T::NEW.is_some() {
        slots.push(slot(c::Py_tp_new, new::<T> as *mut c_void));
    }
    let offsets = [(c"__weaklistoffset__", T::WEAK_REFERENCES), (c"__vectorcalloffset__", T::VECTORCALL)];
    let mut members: Vec<c::PyMemberDef> = Vec::new();
    members.extend(offsets.iter().filter_map(|(name, field)| {
        let field = (*field)?;
        Some(c::PyMemberDef {
            name: name.as_ptr(),
            type_code: c::Py_T_PYSSIZET,
            offset: (offset + field) as isize,
            flags: c::Py_READONLY,
            doc: ptr::null(),
        })
    }));
    if !members.is_empty() {
        // SAFETY: an all-zero entry ends the array.
        members.push(unsafe { std::mem::zeroed() });
        slots.push(slot(c::Py_tp_members, members.leak().as_mut_ptr().cast()));
    }
    if !parts.methods.is_empty() {
        // SAFETY: an all-zero entry ends the array.
        parts.methods.push(unsafe { std::mem::zeroed() });
        slots.push(slot(c::Py_tp_methods, parts.methods.leak().as_mut_ptr().cast()));
    }
    if !parts.attributes.is_empty() {
        // SAFETY: an all-zero entry ends the array.
        parts.attributes.push(unsafe { std::mem::zeroed() });
        slots.push(slot(c::Py_tp_getset, parts.attributes.leak().as_mut_ptr().cast()));
    }
    slots.push(slot(0, ptr::null_mut()));
    let mut flags = c::Py_TPFLAGS_DEFAULT | c::Py_TPFLAGS_BASETYPE;
    if !T::BASE_IS_PYTHON {
        // A class over one that can be changed cannot be immutable.
        flags |= c::Py_TPFLAGS_IMMUTABLETYPE;
    }
    if T::GC {
        flags |= c::Py_TPFLAGS_HAVE_GC;
    }
    if T::VECTORCALL.is_some() {
        flags |= c::Py_TPFLAGS_HAVE_VECTORCALL | c::Py_TPFLAGS_METHOD_DESCRIPTOR;
    }
    if T::NEW.is_none() {
        flags |= c::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    }
    let mut spec = c::PyType_Spec {
        name: T::NAME.as_ptr(),
        basicsize: size as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots.leak().as_mut_ptr(),
    };
    // SAFETY: see above; `bases` is NULL, a class, or a tuple of classes.
    unsafe {
        let bases = parts.base.as_ref().map_or(ptr::null_mut(), Obj::as_ptr);
        let class = Obj::new_ref(c::PyType_FromModuleAndSpec(module.as_ptr(), &mut spec, bases))?;
        T::cell().class.store(class.clone().into_ptr().cast(), Relaxed);
        Ok(class)
    }
}

/// One entry of a type's slots.
pub fn slot(number: c_int, function: *mut c_void) -> c::PyType_Slot {
    c::PyType_Slot { slot: number, pfunc: function }
}

/// Gives `class` another metaclass (one without fields of its own), which decides `isinstance` and `issubclass`.
pub fn set_metaclass(class: &Obj, metaclass: &Obj) {
    // SAFETY: both are classes; a metaclass made by a `class` statement without slots has the layout of `type`, plus
    // what only its own methods use. The class takes over a reference to its new type.
    unsafe { (*class.as_ptr()).ob_type = metaclass.clone().into_ptr().cast() };
}

/// The version of a class's contents: it changes when an attribute of the class is set. 0 means unknown.
pub fn version(class: &Obj) -> u32 {
    // SAFETY: `class` is a class where this is called.
    unsafe { (*class.as_ptr().cast::<c::PyTypeObject>()).tp_version_tag }
}

unsafe extern "C" fn new<T: Class>(
    class: *mut c::PyTypeObject,
    _args: *mut c::PyObject,
    _kwargs: *mut c::PyObject,
) -> *mut c::PyObject {
    super::trampoline::guard(|| {
        let value = T::NEW.expect("classes without NEW have no tp_new");
        if class == T::cell().ptr() {
            return Ok(Own::new(value)?.into_obj());
        }
        // SAFETY: Python makes an instance of a class, which is a subclass of ours.
        let class = class.cast();
        // SAFETY: Python calls this with a class.
        let class = unsafe { Obj::peek(&class) };
        Ok(Own::new_in(class, value())?.into_obj())
    })
}

unsafe extern "C" fn traverse<T: Class>(object: *mut c::PyObject, visit: c::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: the collector calls this with an instance of `T`; only shared references are made.
    unsafe {
        let base = base_of::<T>();
        if T::OVER_BASE
            && !T::BASE_IS_PYTHON
            && let Some(traverse) = (*base).tp_traverse
        {
            let status = traverse(object, visit, arg);
            if status != 0 {
                return status;
            }
        }
        let mut visit = Visit { visit, arg, status: 0 };
        if !T::OVER_BASE || T::BASE_IS_PYTHON || (*base).tp_flags & c::Py_TPFLAGS_HEAPTYPE == 0 {
            visit.object(Obj::peek(&c::Py_TYPE(object).cast()));
        }
        (*value_ptr::<T>(object)).traverse(&mut visit);
        visit.status
    }
}

unsafe extern "C" fn clear<T: Class>(object: *mut c::PyObject) -> c_int {
    // SAFETY: the collector calls this with an instance of `T`.
    unsafe {
        clear_base::<T>(object);
        (*value_ptr::<T>(object)).clear();
    }
    0
}

unsafe extern "C" fn finalize<T: Class>(object: *mut c::PyObject) {
    T::cell().has_finalized.set(true);
    // SAFETY: called with a live instance of `T` (or one about to die, which may be revived here).
    let this = unsafe { &*ptr::from_ref(&object).cast::<Own<T>>() };
    if this.needs_finalizer() {
        super::trampoline::guard_quiet(|| super::exception::preserve_raised(|| T::finalize(this)));
    }
}

unsafe extern "C" fn dealloc<T: Class>(object: *mut c::PyObject) {
    // SAFETY: called once, when the last reference is gone; from here on nobody else sees the object, unless the
    // finaliser revives it. The order is that of CPython's own types: finalise, untrack, weak references, contents, memory.
    unsafe {
        let class = c::Py_TYPE(object);
        let exact = class == T::cell().ptr();
        if (*value_ptr::<T>(object)).needs_finalizer() && c::PyObject_CallFinalizerFromDealloc(object) < 0 {
            return;
        }
        if T::GC {
            c::PyObject_GC_UnTrack(object.cast());
        }
        T::before_free(&*ptr::from_ref(&object).cast::<Own<T>>());
        if Obj::peek(&object).is_weakly_referenced() {
            c::PyObject_ClearWeakRefs(object);
        }
        clear_base::<T>(object);
        ptr::drop_in_place(value_ptr::<T>(object));
        if exact && T::KEEP > 0 {
            let kept = &mut *T::cell().kept.get();
            let finalized = || T::cell().has_finalized.get() && c::PyObject_GC_IsFinalized(object) != 0;
            if kept.len() < T::KEEP && !(T::GC && finalized()) {
                kept.push(object);
                return;
            }
        }
        let free = (*class).tp_free.expect("every class can free its instances");
        free(object.cast());
        c::Py_DECREF(class.cast());
    }
}

unsafe fn base_of<T: Class>() -> *mut c::PyTypeObject {
    // SAFETY: the class was made, so it has a base.
    unsafe { (*T::cell().ptr()).tp_base }
}

unsafe fn clear_base<T: Class>(object: *mut c::PyObject) {
    if T::OVER_BASE && !T::BASE_IS_PYTHON {
        // SAFETY: the base's own function on an instance of its subclass.
        unsafe {
            if let Some(clear) = (*base_of::<T>()).tp_clear {
                clear(object);
            }
        }
    }
}
