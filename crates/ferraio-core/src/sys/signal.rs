//! Signals to single threads.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::whole_millis;

/// The last real-time signal that has no handler; the first ones are those that programs like to use.
pub(crate) fn unused() -> Option<libc::c_int> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().find(|&signal| has_no_handler(signal));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_no_handler(signal: libc::c_int) -> bool {
    // SAFETY: an all-zero `sigaction` is one, and a place for the answer.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed without a new action.
    let outcome = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut found) };
    outcome == 0 && found.sa_sigaction == libc::SIG_DFL
}

/// Sends a signal to a thread of this process; tells whether there is such a thread.
pub(crate) fn send(thread: i32, signal: libc::c_int) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: no memory is involved; a thread that is not of this process is refused.
    return unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) == 0 };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (thread, signal);
        false
    }
}

/// Waits until there is something to read, or for so long.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) {
    let mut fds = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which we own.
    unsafe { libc::poll(&raw mut fds, 1, whole_millis(timeout)) };
}
