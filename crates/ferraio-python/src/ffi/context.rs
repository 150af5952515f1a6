//! Contexts of callbacks, made when they are needed.
//!
//! Each callback runs in a context of its own, a copy of the one in which it was scheduled. What a context holds is one
//! immutable mapping of variables, which its copies share. So a handle needs no more than that mapping until it runs, and
//! then a context that is only lent: the next callback gets it, unless somebody has kept it. To make, track, untrack and
//! free a context for each callback would be an eighth of what `call_soon` costs (`scheduling.call_soon_batch` in the
//! benches).
//!
//! Where a context keeps the mapping, and a thread's state the current context, has no name in the C API. Both places are
//! found when the module is loaded, by looking what changes when a context is entered and a variable set. Where they are
//! not found, contexts are copied as anywhere else.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use pyo3_ffi as c;

use super::coroutine::{copy_context, is_context};
use super::exception::{Raised, Result};
use super::object::Obj;
use super::slot::Slot;
use super::thread;

/// Where in a thread's state the current context is, in bytes; 0: unknown, and so is all else.
static IN_THREAD: AtomicUsize = AtomicUsize::new(0);
/// Where in a context its variables are, and its weak references, in bytes.
static IN_CONTEXT: AtomicUsize = AtomicUsize::new(0);
static WEAK_REFERENCES: AtomicUsize = AtomicUsize::new(0);
/// The mapping without any variable, which all empty contexts share.
static NO_VARIABLES: AtomicPtr<c::PyObject> = AtomicPtr::new(ptr::null_mut());

/// A context that nobody uses, without variables.
static SPARE: Spare = Spare(Slot::empty());

struct Spare(Slot);

// SAFETY: only touched while attached, and the module declares that it needs the GIL.
unsafe impl Sync for Spare {}

/// How far into the thread's state we look for the current context, in bytes: as for the current task.
const LOOK_AT: usize = 2048;

/// The variables of the current context, for a callback that will run in a copy of it; where that cannot be, the copy.
#[inline(always)]
pub fn capture() -> Result<Obj> {
    let in_thread = IN_THREAD.load(Relaxed);
    if in_thread == 0 {
        return copy_context();
    }
    // SAFETY: attached; the field is NULL or a context, alive as long as it is the current one, which holds a mapping.
    unsafe {
        let context = thread::state().cast::<u8>().add(in_thread).cast::<*mut c::PyObject>().read();
        if context.is_null() {
            return copy_context();
        }
        Ok(Obj::borrowed(variables_of(context).read()))
    }
}

/// Is it what `capture` took from a context, rather than a context?
#[inline(always)]
pub fn are_variables(object: &Obj) -> bool {
    let empty = NO_VARIABLES.load(Relaxed);
    // SAFETY: a live object for ever, if it is there.
    !empty.is_null() && object.type_ptr() == unsafe { c::Py_TYPE(empty) }
}

/// A context with these variables, for somebody who looks at it.
pub fn context_with(variables: Obj) -> Result<Obj> {
    let context = new_context()?;
    drop(replace_variables(&context, variables));
    Ok(context)
}

/// The same for a callback that runs now; to be taken back when it has run.
#[inline(always)]
pub fn lend(variables: Obj) -> Result<Obj> {
    match SPARE.0.take() {
        Some(context) if context.ref_count() == 1 => {
            drop(replace_variables(&context, variables));
            Ok(context)
        }
        _ => context_with(variables),
    }
}

/// Keeps a context for the next callback, if nobody else refers to it. What it holds is dropped, as it would be with it.
#[inline(always)]
pub fn take_back(context: Obj) {
    if IN_THREAD.load(Relaxed) == 0 || context.ref_count() != 1 || !is_context(&context) {
        return;
    }
    // SAFETY: a context, with the list of its weak references at this place; `NO_VARIABLES` is a live object, since the
    // places are known. A context that is entered has a second reference: that of the thread which has entered it.
    let variables = unsafe {
        let weak = context.as_ptr().cast::<u8>().add(WEAK_REFERENCES.load(Relaxed)).cast::<*mut c::PyObject>();
        if !weak.read().is_null() {
            return;
        }
        replace_variables(&context, Obj::borrowed(NO_VARIABLES.load(Relaxed)))
    };
    SPARE.0.set(context);
    // May run any code, as the last thing.
    drop(variables);
}

/// Gives a context of ours, which nobody has entered, other variables; returns those it had.
#[inline(always)]
fn replace_variables(context: &Obj, variables: Obj) -> Option<Obj> {
    // SAFETY: whoever calls this has a context, and variables that came out of one. The field owns its reference.
    unsafe { Obj::take(variables_of(context.as_ptr()).replace(variables.into_ptr())) }
}

/// # Safety
/// `context` is a context, and the places are known.
#[inline(always)]
unsafe fn variables_of(context: *mut c::PyObject) -> *mut *mut c::PyObject {
    // SAFETY: the caller vouches for both.
    unsafe { context.cast::<u8>().add(IN_CONTEXT.load(Relaxed)).cast() }
}

fn new_context() -> Result<Obj> {
    // SAFETY: gives a new reference or NULL.
    unsafe { Obj::new_ref(c::PyContext_New()) }
}

/// Finds the places; called while the module is loaded.
pub fn prepare() -> Result<()> {
    if cfg!(Py_GIL_DISABLED) {
        return Ok(());
    }
    let (context, empty) = (new_context()?, new_context()?);
    // SAFETY: a live object's type.
    let weak_references = unsafe { (*context.type_ptr()).tp_weaklistoffset };
    let before = words(&context);
    let in_thread = set_a_variable(&context, &empty)?;
    let places = places_of_variables(&before, &words(&context), &words(&empty));
    let ([place], Some(in_thread), true) = (places.as_slice(), in_thread, weak_references > 0) else { return Ok(()) };
    NO_VARIABLES.store(before[*place] as *mut c::PyObject, Relaxed);
    IN_CONTEXT.store(place * size_of::<usize>(), Relaxed);
    WEAK_REFERENCES.store(weak_references as usize, Relaxed);
    // SAFETY: the empty context holds the object; the reference made here keeps it for ever.
    std::mem::forget(unsafe { Obj::borrowed(NO_VARIABLES.load(Relaxed)) });
    if is_understood(&context, &empty)? {
        IN_THREAD.store(in_thread, Relaxed);
    } else {
        NO_VARIABLES.store(ptr::null_mut(), Relaxed);
    }
    Ok(())
}

/// Sets a variable in `context`, and tells where the thread's state has the context that is entered.
fn set_a_variable(context: &Obj, other: &Obj) -> Result<Option<usize>> {
    // SAFETY: live objects, a name that ends with NUL; contexts that nobody else has are entered and left in order. The
    // thread's state is looked at up to the field, which all supported versions have within this distance.
    unsafe {
        let variable = Obj::new_ref(c::PyContextVar_New(c"ferraio".as_ptr(), ptr::null_mut()))?;
        let word = |place: usize| thread::state().cast::<*mut c::PyObject>().add(place).read();
        Raised::check(c::PyContext_Enter(context.as_ptr()))?;
        let found = (0..LOOK_AT / size_of::<usize>()).find(|place| word(*place) == context.as_ptr());
        drop(Obj::new_ref(c::PyContextVar_Set(variable.as_ptr(), variable.as_ptr()))?);
        Raised::check(c::PyContext_Enter(other.as_ptr()))?;
        let found = found.filter(|place| word(*place) == other.as_ptr());
        Raised::check(c::PyContext_Exit(other.as_ptr()))?;
        let found = found.filter(|place| word(*place) == context.as_ptr());
        Raised::check(c::PyContext_Exit(context.as_ptr()))?;
        Ok(found.filter(|place| word(*place) != context.as_ptr()).map(|place| place * size_of::<usize>()))
    }
}

/// The words that were the same in two empty contexts, and were changed when a variable was set in one.
fn places_of_variables(before: &[usize], after: &[usize], empty: &[usize]) -> Vec<usize> {
    let changed =
        |place: &usize| before[*place] == empty[*place] && before[*place] != 0 && after[*place] != before[*place];
    (HEADER..before.len()).filter(changed).collect()
}

/// Do a context's variables move with that word, and is it a reference that counts?
fn is_understood(context: &Obj, empty: &Obj) -> Result<bool> {
    // SAFETY: two contexts; the word is a pointer to an object in both, since one was copied from the type's own.
    let (variables, none) = unsafe {
        (Obj::borrowed(variables_of(context.as_ptr()).read()), Obj::borrowed(variables_of(empty.as_ptr()).read()))
    };
    if variables.type_ptr() != none.type_ptr() {
        return Ok(false);
    }
    let second = context_with(variables.clone())?;
    let is_copied = second.length()? == 1 && second.equals(context)?;
    let counted = variables.ref_count();
    drop(second);
    Ok(is_copied && variables.ref_count() == counted - 1 && empty.length()? == 0)
}

/// The words of a context.
fn words(context: &Obj) -> Vec<usize> {
    // SAFETY: a context is as large as its type says, and made of whole words.
    unsafe {
        let length = (*context.type_ptr()).tp_basicsize as usize / size_of::<usize>();
        (0..length).map(|place| context.as_ptr().cast::<usize>().add(place).read()).collect()
    }
}

/// Words in front of the fields.
const HEADER: usize = size_of::<c::PyObject>() / size_of::<usize>();
