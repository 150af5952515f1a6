//! `asyncio.all_tasks()`: the tasks that are not finished yet, without keeping them alive.
//!
//! Up to 3.13 this is a list of our own, threaded through the tasks themselves; asyncio sees it because the set that its
//! `all_tasks` goes through is replaced by one that knows ours too (python/ferraio/_cold.py). From 3.14 on our tasks
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
    #[cfg(not(Py_3_14))]
    linked: Cell<bool>,
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

    #[inline(always)]
    pub fn contains(task: &Own<Task>) -> bool {
        task.links.linked.get()
    }

    pub fn add(task: &Own<Task>) -> Result<()> {
        task.links.linked.set(true);
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
        task.links.linked.set(false);
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
    use std::cell::Cell;
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::super::class::Class;
    use super::super::exception::preserve_raised;
    use super::super::thread;
    use super::{Import, Own, Result, Task};

    static REGISTER: Import = Import::new("_asyncio", "_register_task");
    static UNREGISTER: Import = Import::new("_asyncio", "_unregister_task");

    /// Where the node is in a task, and the head of a thread's list in the thread's state; 0: unknown.
    static NODE: AtomicUsize = AtomicUsize::new(0);
    static HEAD: AtomicUsize = AtomicUsize::new(0);

    /// How far into the thread's state its list can be, in bytes.
    const LOOK_AT: usize = 2048;

    /// A link of the interpreter's circular lists, its `struct llist_node`; NULL while it is in no list.
    #[repr(C)]
    struct Node {
        next: Cell<*const Node>,
        previous: Cell<*const Node>,
    }

    /// Looks which words of a task change when it joins the list.
    pub fn prepare() -> Result<()> {
        if cfg!(Py_GIL_DISABLED) {
            // There the lists have locks.
            return Ok(());
        }
        let task = Own::new(Task::NEW.expect("Python can make tasks"))?;
        // SAFETY: ours follows the C struct of the base class, which is made of whole words.
        let words = unsafe {
            let length = super::super::class::offset_behind(crate::imports::ASYNCIO_TASK.get()?) / size_of::<usize>();
            std::slice::from_raw_parts(task.obj().as_ptr().cast::<Cell<usize>>(), length)
        };
        let look = || words.iter().map(Cell::get).collect::<Vec<usize>>();
        let (before, task_call) = (look(), [task.obj()]);
        REGISTER.get()?.call(task_call)?;
        let joined = look();
        let found = offsets(words, &before, &joined);
        UNREGISTER.get()?.call(task_call)?;
        if let Some((node, head)) = found.filter(|_| look() == before) {
            NODE.store(node, Relaxed);
            HEAD.store(head, Relaxed);
        }
        Ok(())
    }

    fn offsets(words: &[Cell<usize>], before: &[usize], joined: &[usize]) -> Option<(usize, usize)> {
        let place = before
            .windows(2)
            .zip(joined.windows(2))
            .position(|(before, joined)| before == [0, 0] && joined[0] != 0 && joined[1] != 0)?;
        let changed = before.iter().zip(joined).filter(|(before, joined)| before != joined).count();
        // SAFETY: attached. The newest task is the last of its thread's list, so that the head follows; the head is part
        // of the thread's state only if that is so, and is read only then.
        unsafe {
            let head = joined[place].wrapping_sub(thread::state() as usize);
            let is_head = changed == 2 && head < LOOK_AT && head.is_multiple_of(size_of::<usize>());
            let node = ptr::from_ref(&words[place]).cast::<Node>();
            let is_last = || (*(*node).next.get()).previous.get() == node;
            (is_head && is_last()).then_some((place * size_of::<usize>(), head))
        }
    }

    /// The node of a task, if we know where it is.
    #[inline(always)]
    fn node(task: &Own<Task>) -> Option<&Node> {
        match NODE.load(Relaxed) {
            0 => None,
            // SAFETY: the place where `_asyncio` itself has the node of each task.
            offset => Some(unsafe { &*task.obj().as_ptr().cast::<u8>().add(offset).cast::<Node>() }),
        }
    }

    #[inline(always)]
    pub fn contains(task: &Own<Task>) -> bool {
        node(task).is_none_or(|node| !node.next.get().is_null())
    }

    #[inline(always)]
    pub fn add(task: &Own<Task>) -> Result<()> {
        let Some(node) = node(task) else { return REGISTER.get()?.call([task.obj()]).map(drop) };
        // SAFETY: attached, so that nobody else touches the lists. The links of a list are those of live tasks (they
        // leave it before they die) and its head, which is in the state of this thread.
        unsafe {
            let head = thread::state().cast::<u8>().add(HEAD.load(Relaxed)).cast::<Node>();
            let last = (*head).previous.replace(node);
            (*last).next.set(node);
            node.previous.set(last);
            node.next.set(head);
        }
        Ok(())
    }

    #[inline(always)]
    pub fn remove(task: &Own<Task>) {
        let Some(node) = node(task) else { return unregister(task) };
        let (previous, next) = (node.previous.replace(ptr::null()), node.next.replace(ptr::null()));
        // SAFETY: as in `add`; the caller has seen that the task is in a list.
        unsafe {
            (*previous).next.set(next);
            (*next).previous.set(previous);
        }
    }

    #[cold]
    fn unregister(task: &Own<Task>) {
        preserve_raised(|| {
            if UNREGISTER.get().and_then(|unregister| unregister.call([task.obj()])).is_err() {
                task.obj().write_unraisable();
            }
        });
    }
}

/// Finds out how the interpreter keeps its list; called while the module is loaded, when the class of tasks is made.
pub fn prepare() -> Result<()> {
    #[cfg(Py_3_14)]
    list::prepare()?;
    Ok(())
}

/// Adds a task that begins.
#[inline(always)]
pub fn add(task: &Own<Task>) -> Result<()> {
    if list::contains(task) { Ok(()) } else { list::add(task) }
}

/// Takes out a task that is finished or about to die.
#[inline(always)]
pub fn remove(task: &Own<Task>) {
    if list::contains(task) {
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
