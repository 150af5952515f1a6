//! Waiting with kqueue, on macOS and the BSDs.
//!
//! What kqueue does, and what follows from it:
//! - The two directions of an fd are two filters: a change adds or deletes each by itself, and a wait reports each by
//!   itself. Hang-up and error appear on every filter that there is, so what is paused stays silent.
//! - It watches open files, not numbers. When a file is closed, its filters go with it; so a deletion that finds nothing
//!   (`ENOENT`, `EBADF`) is no error, and what stays wanted is added again with each change, which is harmless.
//! - `EV_RECEIPT` makes it answer each change with an error code, and report no events meanwhile.
//! - Its timeout is in nanoseconds.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null;
use std::time::Duration;

use libc::kevent;

use super::{Backend, checked};
use crate::reactor::{Event, Interest, Key};

/// A kernel queue.
pub struct Kqueue {
    /// The queue itself.
    fd: OwnedFd,
}

impl Backend for Kqueue {
    fn new() -> io::Result<Self> {
        // SAFETY: no memory is involved.
        let fd = checked(unsafe { libc::kqueue() })?;
        // SAFETY: the fd is new, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: the fd is open, and no memory is involved.
        checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
        Ok(Self { fd })
    }

    fn change(&self, fd: RawFd, key: Key, from: Interest, to: Interest) -> io::Result<()> {
        if let Err(error) = self.control(fd, key, to, libc::EV_ADD) {
            // Both directions or none, or a filter would stay that nobody knows of.
            let _ = self.control(fd, key, to.without(from), libc::EV_DELETE);
            return Err(error);
        }
        self.control(fd, key, from.without(to), libc::EV_DELETE)
    }

    fn wait(&self, events: &mut Vec<Event>, limit: usize, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout
            .map(|timeout| libc::timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ });
        let timeout = timeout.as_ref().map_or(null(), |timeout| timeout as *const _);
        let mut found = [const { MaybeUninit::<kevent>::uninit() }; MAX_EVENTS];
        let room = limit.min(MAX_EVENTS);
        // SAFETY: no changes are given; `found` has `room` writable places; `timeout` is null or readable.
        let count = checked(unsafe {
            libc::kevent(self.fd.as_raw_fd(), null(), 0, found.as_mut_ptr().cast(), room as _, timeout)
        })?;
        for event in &found[..count as usize] {
            // SAFETY: the kernel filled the first `count` places.
            let event = unsafe { event.assume_init() };
            let ready = if event.filter == libc::EVFILT_READ { Interest::READ } else { Interest::WRITE };
            events.push(Event { key: Key::from_token(event.udata as usize as u64), ready });
        }
        Ok(())
    }
}

impl Kqueue {
    /// Applies an operation to the filters of the directions; the first error ends it.
    fn control(&self, fd: RawFd, key: Key, directions: Interest, operation: Flags) -> io::Result<()> {
        for (direction, filter) in [(Interest::READ, libc::EVFILT_READ), (Interest::WRITE, libc::EVFILT_WRITE)] {
            if directions.contains(direction) {
                // SAFETY: all of its fields may be zero; some systems have more fields than we set.
                let mut change: kevent = unsafe { std::mem::zeroed() };
                change.ident = fd as _;
                change.filter = filter;
                change.flags = operation | libc::EV_RECEIPT;
                change.udata = key.token() as usize as _;
                self.apply(change)?;
            }
        }
        Ok(())
    }

    fn apply(&self, change: kevent) -> io::Result<()> {
        let mut receipt = change;
        // SAFETY: `change` is readable and `receipt` is writable, each one event; no timeout is given, and
        // `EV_RECEIPT` fills the one place at once, so that the call does not wait.
        checked(unsafe { libc::kevent(self.fd.as_raw_fd(), &raw const change, 1, &raw mut receipt, 1, null()) })?;
        match receipt.data as libc::c_int {
            0 => Ok(()),
            // Some versions of macOS say so for a pipe whose other end is closed, and watch it all the same.
            libc::EPIPE => Ok(()),
            libc::ENOENT | libc::EBADF if change.flags & libc::EV_DELETE != 0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// The type of the operations.
#[cfg(target_os = "netbsd")]
type Flags = u32;
#[cfg(not(target_os = "netbsd"))]
type Flags = u16;

/// A key must fit in what kqueue keeps for us.
const _: () = assert!(size_of::<usize>() >= size_of::<u64>());

/// How many events one wait may find: 32 KiB of stack.
const MAX_EVENTS: usize = 1024;
