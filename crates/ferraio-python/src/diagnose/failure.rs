//! Tells the package `ferraio.diagnose` of each task that ends with an error, while it explains errors.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::ffi::{Args, Import, Obj, Result};

static WANTED: AtomicBool = AtomicBool::new(false);
static TASK_FAILED: Import = Import::new("ferraio.diagnose.explanations", "task_failed");

/// `_ferraio._tell_failures(yes)`
pub fn tell_failures(args: Args<'_>) -> Result<Obj> {
    if let [yes] = args.positional {
        WANTED.store(yes.truth()?, Relaxed);
    }
    Ok(Obj::none())
}

/// A task is about to end with an error.
pub fn task_failed(task: &Obj, error: &Obj) {
    if WANTED.load(Relaxed) && TASK_FAILED.get().and_then(|tell| tell.call([task, error])).is_err() {
        task.write_unraisable();
    }
}
