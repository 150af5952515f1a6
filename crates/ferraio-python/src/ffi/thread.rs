//! Threads and the interpreter lock.

use pyo3_ffi as c;

/// Runs `body` without the GIL. What it captures is `Send`, so it cannot touch Python objects.
pub fn detached<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    struct Attach(*mut c::PyThreadState);
    impl Drop for Attach {
        fn drop(&mut self) {
            // SAFETY: the state that was saved in this very thread, below; also after a panic in `body`.
            unsafe { c::PyEval_RestoreThread(self.0) };
        }
    }
    // SAFETY: this thread is attached, as every caller of this crate is.
    let _attach = Attach(unsafe { c::PyEval_SaveThread() });
    body()
}

/// Waits until this thread, which Python does not know, may use the interpreter, and lets go of it again.
pub fn attach_for_a_moment() {
    // SAFETY: a thread that is not attached; it is left as it was found.
    unsafe { c::PyGILState_Release(c::PyGILState_Ensure()) };
}

/// `threading.get_ident()`.
#[inline(always)]
pub fn ident() -> u64 {
    // SAFETY: no conditions.
    unsafe { c::PyThread_get_thread_ident() as u64 }
}

/// What the interpreter knows of this thread.
#[inline(always)]
pub fn state() -> *mut c::PyThreadState {
    // SAFETY: this thread is attached, as every caller of this crate is.
    unsafe { c::compat::PyThreadState_GetUnchecked() }
}

/// [`state`] of some thread, as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadState(pub u64);

impl ThreadState {
    /// That of no thread.
    pub const NONE: Self = Self(0);

    /// That of this thread.
    #[inline(always)]
    pub fn current() -> Self {
        Self(state() as u64)
    }
}

/// `sys.is_finalizing()`.
pub fn is_finalizing() -> bool {
    // SAFETY: no conditions.
    unsafe { finalizing() != 0 }
}

#[cfg(Py_3_13)]
use c::Py_IsFinalizing as finalizing;

#[cfg(not(Py_3_13))]
unsafe extern "C" {
    #[link_name = "_Py_IsFinalizing"]
    fn finalizing() -> std::ffi::c_int;
}

/// The id of the interpreter that runs; 0 is the main one.
pub fn interpreter_id() -> i64 {
    // SAFETY: attached.
    unsafe { c::PyInterpreterState_GetID(c::PyInterpreterState_Get()) }
}

/// A reference that travels between threads inside the inbox: made and dropped by attached threads only.
pub struct Posted<T>(T);

// SAFETY: the inbox hands the value from one attached thread to another, and the mutex inside orders their accesses.
// Nobody looks at it in between; reference counts are only touched by attached threads.
unsafe impl<T> Send for Posted<T> {}

impl<T> Posted<T> {
    /// Wraps the value.
    pub fn new(value: T) -> Self {
        Posted(value)
    }

    /// The value, in an attached thread.
    pub fn into_inner(self) -> T {
        self.0
    }
}
