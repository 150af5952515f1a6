//! `asyncio.current_task()`: where the interpreter's own asyncio looks it up.
//!
//! Up to 3.13 that is a dict {loop: task} of `_asyncio`, whose entry is written in place where that can be
//! done ([`dict_entry`](super::dict_entry)); from 3.14 on a field of the thread's state, which has no name
//! in the C API. Its place is found when the module is loaded: we ask `_asyncio` to store two objects of ours as running
//! loop and task, and look for the two pointers side by side. Where they are not found, `_swap_current_task` is called.

use super::exception::Result;
use super::name::Import;
use super::object::Obj;

/// Makes `task` the current one of `event_loop` (one of ours, running in this thread), replacing any other.
#[inline(always)]
pub fn set(event_loop: &Obj, loop_hash: isize, task: &Obj) -> Result<()> {
    store::set(event_loop, loop_hash, task)
}

/// No task is current any more.
#[inline(always)]
pub fn clear(event_loop: &Obj, loop_hash: isize) -> Result<()> {
    store::clear(event_loop, loop_hash)
}

/// Makes `task` (or nobody: `None`) the current one of any loop, and returns the one before, or `None`.
pub fn swap(event_loop: &Obj, task: &Obj) -> Result<Obj> {
    #[cfg(Py_3_12)]
    {
        static SWAP: Import = Import::new("_asyncio", "_swap_current_task");
        SWAP.get()?.call([event_loop, task])
    }
    #[cfg(not(Py_3_12))]
    {
        store::swap(event_loop, task)
    }
}

/// The current task of the running loop.
#[inline(always)]
pub fn get(event_loop: &Obj) -> Result<Option<Obj>> {
    store::get(event_loop)
}

/// `asyncio.tasks._enter_task`, with its checks, for a loop that is not ours.
pub fn enter_foreign(event_loop: &Obj, task: &Obj) -> Result<()> {
    static ENTER: Import = Import::new("_asyncio", "_enter_task");
    ENTER.get()?.call([event_loop, task]).map(drop)
}

/// `asyncio.tasks._leave_task`.
pub fn leave_foreign(event_loop: &Obj, task: &Obj) -> Result<()> {
    static LEAVE: Import = Import::new("_asyncio", "_leave_task");
    LEAVE.get()?.call([event_loop, task]).map(drop)
}

/// Finds out where the current task is kept; called while the module is loaded.
pub fn prepare() -> Result<()> {
    store::prepare()
}

#[cfg(not(Py_3_14))]
mod store {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use pyo3_ffi as c;

    use super::{Import, Obj, Result};
    use crate::ffi::Raised;
    use crate::ffi::dict_entry::PlaceInDict;

    /// Where the loop that ran last has its entry.
    static PLACE: PlaceInDict = PlaceInDict::new();
    /// May it be written in place?
    static IN_PLACE: AtomicBool = AtomicBool::new(false);

    static CURRENT_TASKS: Import = Import::new("_asyncio", "_current_tasks");

    unsafe extern "C" {
        fn _PyDict_SetItem_KnownHash(
            dict: *mut c::PyObject,
            key: *mut c::PyObject,
            value: *mut c::PyObject,
            hash: c::Py_hash_t,
        ) -> std::ffi::c_int;
        fn _PyDict_GetItem_KnownHash(
            dict: *mut c::PyObject,
            key: *mut c::PyObject,
            hash: c::Py_hash_t,
        ) -> *mut c::PyObject;
        fn _PyDict_DelItem_KnownHash(
            dict: *mut c::PyObject,
            key: *mut c::PyObject,
            hash: c::Py_hash_t,
        ) -> std::ffi::c_int;
    }

    pub fn prepare() -> Result<()> {
        IN_PLACE.store(PlaceInDict::is_understood()?, Relaxed);
        CURRENT_TASKS.get().map(drop)
    }

    #[inline(always)]
    pub fn get(event_loop: &Obj) -> Result<Option<Obj>> {
        let hash = event_loop.hash()?;
        let dict = CURRENT_TASKS.get()?;
        // SAFETY: a dict and a live object, whose hash it is; the borrowed result is made our own at once.
        unsafe {
            let task = _PyDict_GetItem_KnownHash(dict.as_ptr(), event_loop.as_ptr(), hash);
            if task.is_null() {
                return if Raised::is_set() { Err(Raised::set()) } else { Ok(None) };
            }
            Ok(Some(Obj::borrowed(task)))
        }
    }

    #[inline(always)]
    pub fn set(event_loop: &Obj, hash: isize, task: &Obj) -> Result<()> {
        let dict = CURRENT_TASKS.get()?;
        if PLACE.replace(dict, event_loop, task) {
            return Ok(());
        }
        // SAFETY: a dict and two live objects; `hash` is that of the loop.
        Raised::check(unsafe { _PyDict_SetItem_KnownHash(dict.as_ptr(), event_loop.as_ptr(), task.as_ptr(), hash) })?;
        if IN_PLACE.load(Relaxed) {
            PLACE.find(dict, event_loop);
        }
        Ok(())
    }

    #[inline(always)]
    pub fn clear(event_loop: &Obj, hash: isize) -> Result<()> {
        let dict = CURRENT_TASKS.get()?;
        // SAFETY: a dict and a live object; `hash` is that of the loop.
        if unsafe { _PyDict_DelItem_KnownHash(dict.as_ptr(), event_loop.as_ptr(), hash) } < 0 {
            // Somebody else has taken it out already (`_leave_task`): nothing is left to do.
            Raised::set().clear();
        }
        Ok(())
    }

    #[cfg(not(Py_3_12))]
    pub fn swap(event_loop: &Obj, task: &Obj) -> Result<Obj> {
        let hash = event_loop.hash()?;
        let dict = CURRENT_TASKS.get()?;
        // SAFETY: a dict and a live object; the borrowed result is made our own at once.
        let before = unsafe {
            let task = c::PyDict_GetItem(dict.as_ptr(), event_loop.as_ptr());
            if task.is_null() { Obj::none() } else { Obj::borrowed(task) }
        };
        if task.is_none() {
            clear(event_loop, hash)?;
        } else {
            set(event_loop, hash, task)?;
        }
        Ok(before)
    }
}

#[cfg(Py_3_14)]
mod store {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use pyo3_ffi as c;

    use super::{Import, Obj, Result};
    use crate::ffi::thread;

    /// Where in a thread's state the running task is; 0: unknown.
    static OFFSET: AtomicUsize = AtomicUsize::new(0);

    /// How far into the thread's state we look, in bytes. The field follows the public part of the state (832 bytes in
    /// 3.14, 888 in 3.15) and a few words more.
    const LOOK_AT: usize = 2048;

    pub fn prepare() -> Result<()> {
        static GET_LOOP: Import = Import::new("_asyncio", "_get_running_loop");
        static SET_LOOP: Import = Import::new("_asyncio", "_set_running_loop");
        let before = GET_LOOP.get()?.call0()?;
        // Two objects that nothing else in the thread's state points to.
        let (event_loop, task) = (Obj::dict()?, Obj::dict()?);
        SET_LOOP.get()?.call([&event_loop])?;
        let swapped = super::swap(&event_loop, &task);
        if swapped.is_ok() {
            OFFSET.store(find(&event_loop, &task).unwrap_or(0), Relaxed);
        }
        let restored = swapped.and_then(|task| super::swap(&event_loop, &task));
        SET_LOOP.get()?.call([&before])?;
        restored.map(drop)
    }

    fn find(event_loop: &Obj, task: &Obj) -> Option<usize> {
        let wanted = (event_loop.as_ptr(), task.as_ptr());
        let place = (0..LOOK_AT / size_of::<usize>()).find(|&place| {
            // SAFETY: we stop at the fields, which all supported versions have within this distance; so what is read is
            // the thread's own state.
            unsafe {
                let words = thread::state().cast::<*mut c::PyObject>().add(place);
                (words.read(), words.add(1).read()) == wanted
            }
        })?;
        Some((place + 1) * size_of::<usize>())
    }

    #[inline(always)]
    fn replace(event_loop: &Obj, task: Option<&Obj>) -> Result<()> {
        let offset = OFFSET.load(Relaxed);
        if offset == 0 {
            let none = Obj::none();
            return super::swap(event_loop, task.unwrap_or(&none)).map(drop);
        }
        let new = task.map_or(std::ptr::null_mut(), |task| task.clone().into_ptr());
        // SAFETY: the field that `_asyncio` itself uses: one owned reference or NULL. The old reference is dropped last.
        unsafe {
            let field = thread::state().cast::<u8>().add(offset).cast::<*mut c::PyObject>();
            drop(Obj::take(field.replace(new)));
        }
        Ok(())
    }

    #[inline(always)]
    pub fn get(event_loop: &Obj) -> Result<Option<Obj>> {
        static CURRENT: Import = Import::new("_asyncio", "current_task");
        let offset = OFFSET.load(Relaxed);
        if offset == 0 {
            let task = CURRENT.get()?.call([event_loop])?;
            return Ok((!task.is_none()).then_some(task));
        }
        // SAFETY: the field that `_asyncio` itself uses: one owned reference or NULL; we make one of our own.
        unsafe {
            let task = thread::state().cast::<u8>().add(offset).cast::<*mut c::PyObject>().read();
            Ok(if task.is_null() { None } else { Some(Obj::borrowed(task)) })
        }
    }

    #[inline(always)]
    pub fn set(event_loop: &Obj, _hash: isize, task: &Obj) -> Result<()> {
        replace(event_loop, Some(task))
    }

    #[inline(always)]
    pub fn clear(event_loop: &Obj, _hash: isize) -> Result<()> {
        replace(event_loop, None)
    }
}
