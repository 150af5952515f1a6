//! ThreadSafeHandle: what `call_soon_threadsafe` returns from Python 3.14 on.
//!
//! Any thread may ask it at any time, and what it answers stays true: while the callback runs, `cancelled()` and `cancel()`
//! wait until it is over, in every thread but the one that runs it. asyncio has a lock in each such handle; here only who
//! has to wait takes one.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::event_loop::EventLoop;
use crate::ffi::class::StartsWith;
use crate::ffi::{Class, ClassCell, Import, Obj, Own, Result, Slot, class, exception, thread};
use crate::handle::{Arguments, Handle};
use crate::{attribute, method};

/// A callback that was scheduled from any thread.
#[repr(C)]
pub struct ThreadSafeHandle {
    handle: Handle,
    /// The thread that runs the callback; 0: none.
    running: Cell<u64>,
    /// How many threads wait for the end of the callback.
    waiting: Cell<u32>,
}

static CELL: ClassCell = ClassCell::new();

/// How many callbacks have ended that somebody waited for, and the bell that rings then. Whoever holds the mutex does not
/// wait for the GIL.
static ENDED: Mutex<u64> = Mutex::new(0);
static BELL: Condvar = Condvar::new();

/// After this long a waiting thread looks whether a signal has come.
const LOOK_FOR_SIGNALS: Duration = Duration::from_millis(50);

// SAFETY: `repr(C)`, the handle is the first field, and both values follow the bare object header.
unsafe impl StartsWith<Handle> for ThreadSafeHandle {}

impl Class for ThreadSafeHandle {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.ThreadSafeHandle";
    const DOC: &'static std::ffi::CStr = c"A scheduled callback, as call_soon_threadsafe() returns it.";
    const GC: bool = false;
    const KEEP: usize = 1000;

    fn cell() -> &'static ClassCell {
        &CELL
    }
}

impl Own<ThreadSafeHandle> {
    /// A handle for `event_loop`.
    pub fn create(event_loop: &Own<EventLoop>, callback: Obj, arguments: Arguments, context: Obj) -> Result<Self> {
        let handle = Own::new(|| ThreadSafeHandle {
            handle: Handle::with(event_loop, callback, arguments, Slot::new(context)),
            running: Cell::new(0),
            waiting: Cell::new(0),
        })?;
        if event_loop.debug() {
            handle.handle.remember_source()?;
        }
        Ok(handle)
    }

    /// Calls the callback, unless the handle is cancelled by now.
    pub fn run(&self) -> Result<()> {
        self.wait_for_others()?;
        if self.handle.is_cancelled() {
            return Ok(());
        }
        let before = self.running.replace(thread::ident());
        let outcome = self.upcast::<Handle>().run();
        self.running.set(before);
        if before == 0 && self.waiting.get() > 0 {
            *ENDED.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            BELL.notify_all();
        }
        outcome
    }

    /// Waits until no other thread runs the callback.
    fn wait_for_others(&self) -> Result<()> {
        while ![0, thread::ident()].contains(&self.running.get()) {
            // The callback cannot end before this thread lets go of the GIL, so the bell that rings then is not missed.
            let ended_before = *ENDED.lock().unwrap_or_else(PoisonError::into_inner);
            self.waiting.set(self.waiting.get() + 1);
            thread::detached(|| {
                let ended = ENDED.lock().unwrap_or_else(PoisonError::into_inner);
                drop(BELL.wait_timeout_while(ended, LOOK_FOR_SIGNALS, |ended| *ended == ended_before));
            });
            self.waiting.set(self.waiting.get() - 1);
            exception::check_signals()?;
        }
        Ok(())
    }
}

// What Python sees.

fn cancel(this: &Own<ThreadSafeHandle>) -> Result<Obj> {
    this.wait_for_others()?;
    this.upcast::<Handle>().cancel()?;
    Ok(Obj::none())
}

fn cancelled(this: &Own<ThreadSafeHandle>) -> Result<Obj> {
    this.wait_for_others()?;
    Ok(Obj::bool(this.handle.is_cancelled()))
}

fn run(this: &Own<ThreadSafeHandle>) -> Result<Obj> {
    this.run()?;
    Ok(Obj::none())
}

fn class_attribute(_: &Own<ThreadSafeHandle>) -> Result<Obj> {
    static CLASS: Import = Import::new("asyncio.events", "_ThreadSafeHandle");
    CLASS.get().cloned()
}

/// Makes the class, a subclass of `Handle`.
pub fn make_class(module: &Obj) -> Result<Obj> {
    class::make::<ThreadSafeHandle>(
        module,
        class::ClassParts {
            base: Some(Handle::cell().obj().clone()),
            methods: vec![
                method!(
                    ThreadSafeHandle,
                    "cancel",
                    noargs,
                    cancel,
                    "Cancel it, when the callback does not run in another thread."
                ),
                method!(
                    ThreadSafeHandle,
                    "cancelled",
                    noargs,
                    cancelled,
                    "Was it cancelled? Waits for a callback that runs."
                ),
                method!(ThreadSafeHandle, "_run", noargs, run, "Call the callback; report its exception to the loop."),
            ],
            attributes: vec![attribute!(ThreadSafeHandle, "__class__", class_attribute)],
            ..Default::default()
        },
    )
}
