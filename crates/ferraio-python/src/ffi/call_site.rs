//! Where a call came from, for those who forget to await what it returned.
//!
//! Python notes the origin of each coroutine when it is asked to; for our awaitables, which are no coroutines, we do.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3_ffi as c;

use super::object::Obj;
use super::slot::Slot;

static WANTED: AtomicBool = AtomicBool::new(false);

/// Notes calls from now on, or no longer.
pub fn want(yes: bool) {
    WANTED.store(yes, Relaxed);
}

/// The code of the Python function that is running and the instruction it is at, in a tuple, when wanted.
#[inline(always)]
pub fn here() -> Slot {
    if WANTED.load(Relaxed) { look().map_or_else(Slot::empty, Slot::new) } else { Slot::empty() }
}

#[cold]
#[inline(never)]
fn look() -> Option<Obj> {
    // SAFETY: attached; the frame is borrowed from the thread, and lives while its function runs, which called us.
    let (code, instruction) = unsafe {
        let frame = c::PyEval_GetFrame();
        if frame.is_null() {
            return None;
        }
        (Obj::take(c::PyFrame_GetCode(frame).cast())?, c::PyFrame_GetLasti(frame))
    };
    Obj::tuple([code, Obj::int(i64::from(instruction)).ok()?]).ok()
}
