//! `asyncio.all_tasks()`: the tasks that are not finished yet, without keeping them alive.
//!
//! Up to 3.13 this is a list of our own, threaded through the tasks themselves; asyncio sees it because the set that its
//! `all_tasks` goes through is replaced by one that knows ours too (python/ferraio/_all_tasks.py). From 3.14 on our tasks
//! join the interpreter's own list, which lives in the C struct of our base class; they must leave it before they die.

#[cfg(not(Py_3_14))]
use std::cell::Cell;
#[cfg(not(Py_3_14))]
use std::ptr;

#[cfg(Py_3_14)]
use super::name::Import;
use super::{Obj, Own, Result};
use crate::task::Task;

/// The links of one task. Empty while it is in no list.
#[derive(Default)]
pub struct Links {
    #[cfg(not(Py_3_14))]
    previous: Cell<Option<ptr::NonNull<pyo3_ffi::PyObject>>>,
    #[cfg(not(Py_3_14))]
    next: Cell<Option<ptr::NonNull<pyo3_ffi::PyObject>>>,
    linked: std::cell::Cell<bool>,
}

#[cfg(not(Py_3_14))]
mod list {
    use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

    use super::{Links, Obj, Own, Result, Task, ptr};

    /// The newest task; only touched while attached.
    static NEWEST: AtomicPtr<pyo3_ffi::PyObject> = AtomicPtr::new(ptr::null_mut());

    fn links_of(task: ptr::NonNull<pyo3_ffi::PyObject>, then: impl FnOnce(&Links)) {
        let task = task.as_ptr();
        // SAFETY: a task leaves the list before it dies, so what the list points to is a live `Task`.
        then(&unsafe { super::super::trampoline::this::<Task>(&task) }.links);
    }

    pub fn add(task: &Own<Task>) -> Result<()> {
        let object = task.obj().as_ptr();
        let oldest = ptr::NonNull::new(NEWEST.swap(object, Relaxed));
        task.links.previous.set(None);
        task.links.next.set(oldest);
        if let Some(next) = oldest {
            links_of(next, |links| links.previous.set(ptr::NonNull::new(object)));
        }
        Ok(())
    }

    pub fn remove(task: &Own<Task>) {
        let (previous, next) = (task.links.previous.take(), task.links.next.take());
        match previous {
            Some(previous) => links_of(previous, |links| links.next.set(next)),
            None => NEWEST.store(next.map_or(ptr::null_mut(), ptr::NonNull::as_ptr), Relaxed),
        }
        if let Some(next) = next {
            links_of(next, |links| links.previous.set(previous));
        }
    }

    pub fn all() -> Vec<Obj> {
        let mut tasks = Vec::new();
        let mut place = ptr::NonNull::new(NEWEST.load(Relaxed));
        while let Some(task) = place {
            // SAFETY: what the list points to is a live task.
            tasks.push(unsafe { Obj::borrowed(task.as_ptr()) });
            links_of(task, |links| place = links.next.get());
        }
        tasks
    }
}

#[cfg(Py_3_14)]
mod list {
    use super::{Import, Own, Result, Task};

    static REGISTER: Import = Import::new("_asyncio", "_register_task");
    static UNREGISTER: Import = Import::new("_asyncio", "_unregister_task");

    pub fn add(task: &Own<Task>) -> Result<()> {
        REGISTER.get()?.call([task.obj()]).map(drop)
    }

    pub fn remove(task: &Own<Task>) {
        super::super::exception::preserve_raised(|| {
            if let Err(raised) = UNREGISTER.get().and_then(|unregister| unregister.call([task.obj()])) {
                raised.clear();
                task.obj().write_unraisable();
            }
        });
    }
}

impl Links {
    /// Is the task in a list?
    pub fn is_linked(&self) -> bool {
        self.linked.get()
    }
}

/// Adds a task that begins.
#[inline(always)]
pub fn add(task: &Own<Task>) -> Result<()> {
    if !task.links.linked.replace(true) {
        list::add(task)?;
    }
    Ok(())
}

/// Takes out a task that is finished or about to die.
#[inline(always)]
pub fn remove(task: &Own<Task>) {
    if task.links.linked.replace(false) {
        list::remove(task);
    }
}

/// The tasks in our own list: none from 3.14 on.
pub fn all() -> Vec<Obj> {
    #[cfg(not(Py_3_14))]
    return list::all();
    #[cfg(Py_3_14)]
    Vec::new()
}
