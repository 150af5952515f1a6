//! What differs between operating systems, and all unsafe code of this crate.
//!
//! A file for each facility. The three pollers keep one contract, [`Backend`], and `tests/poller_contract.rs` runs the
//! same tests on each that the platform has. [`Platform`] is the one that the reactor uses.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::reactor::{Drain, Event, Interest, Key};

pub mod alarm;
pub mod clock;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod epoll;
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub mod kqueue;
pub mod memory;
pub(crate) mod pipe;
pub mod poll;
pub mod prefetch;
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod wake_channel;

/// The poller that suits this platform best.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub type Platform = epoll::Epoll;
/// The poller that suits this platform best.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub type Platform = kqueue::Kqueue;
/// The poller that suits this platform best.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
pub type Platform = poll::Poll;

/// What the reactor needs from a kernel: a level-triggered wait for many fds.
///
/// Changes and waits may come from different threads. Whether a change concerns a wait that has begun is open.
pub trait Backend: Send + Sync + Sized {
    /// Creates a poller that watches nothing, and is closed in child processes.
    fn new() -> io::Result<Self>;

    /// Watches `fd` for the directions `to`, where it was watched for `from` until now; they are not equal. Events carry
    /// `key`.
    ///
    /// - From `NONE`, a closed fd is `EBADF`. What cannot be watched is the kernel's error.
    /// - To `NONE`, the fd is not reported at all, not even when it hangs up. A closed fd is no error.
    /// - Otherwise the fd may have been closed and its number reused behind our back: the new file is watched.
    fn change(&self, fd: RawFd, key: Key, from: Interest, to: Interest) -> io::Result<()>;

    /// Watches the fd of a waker, which nobody but the waker writes to. Tells whether it has to be drained after each
    /// event; where every write is an event of its own, it need not.
    fn watch_waker(&self, fd: RawFd, key: Key) -> io::Result<Drain> {
        self.change(fd, key, Interest::NONE, Interest::READ)?;
        Ok(Drain::AfterEachEvent)
    }

    /// Appends what is ready, at most `limit` events; when there are more, the next wait begins with the others.
    ///
    /// Hang-up and error are reported as both directions, or as all that are watched. Without a timeout it waits until
    /// something is ready; with one, it never returns early (only an fd that was closed behind our back may end a wait
    /// with no event). A signal ends it with `Interrupted`.
    fn wait(&self, events: &mut Vec<Event>, limit: usize, timeout: Option<Duration>) -> io::Result<()>;
}

/// Turns the -1 of a system call into the error that it stands for.
fn checked(outcome: libc::c_int) -> io::Result<libc::c_int> {
    if outcome == -1 { Err(io::Error::last_os_error()) } else { Ok(outcome) }
}

/// Like [`checked`], for calls that return a size.
fn checked_size(outcome: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(outcome).map_err(|_| io::Error::last_os_error())
}

/// Rounds up, so that no wait is too short.
fn whole_millis(timeout: Duration) -> libc::c_int {
    let millis = timeout.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)
}
