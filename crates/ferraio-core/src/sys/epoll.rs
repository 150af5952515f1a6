//! Waiting with epoll, on Linux.
//!
//! What epoll does, and what follows from it:
//! - It watches open files, not numbers. A file that is closed is forgotten (unless it was duplicated), and its number
//!   may come back as another file. So a change may find nothing to modify (`ENOENT`): then it adds.
//! - It always reports hang-up and error, even to who asked for nothing. So what is paused is removed, or a peer that
//!   hangs up would make every wait return at once.
//! - Its timeout is in milliseconds. `epoll_pwait2` (Linux 5.11) takes nanoseconds; where it is missing, or a sandbox
//!   forbids it, we round up.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libc::epoll_event;

use super::{Backend, checked, whole_millis};
use crate::reactor::{Drain, Event, Interest, Key};

/// An epoll instance.
pub struct Epoll {
    /// The instance itself.
    fd: OwnedFd,
    /// Whether the kernel is not known to lack `epoll_pwait2`.
    has_pwait2: AtomicBool,
}

impl Backend for Epoll {
    fn new() -> io::Result<Self> {
        // SAFETY: no memory is involved.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the fd is new, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, has_pwait2: AtomicBool::new(true) })
    }

    fn change(&self, fd: RawFd, key: Key, from: Interest, to: Interest) -> io::Result<()> {
        if to.is_none() {
            return match self.control(libc::EPOLL_CTL_DEL, fd, key, to) {
                Err(error) if is_one_of(&error, &[libc::ENOENT, libc::EBADF, libc::EPERM]) => Ok(()),
                outcome => outcome,
            };
        }
        if from.is_none() {
            return match self.control(libc::EPOLL_CTL_ADD, fd, key, to) {
                Err(error) if is_one_of(&error, &[libc::EEXIST]) => self.control(libc::EPOLL_CTL_MOD, fd, key, to),
                outcome => outcome,
            };
        }
        match self.control(libc::EPOLL_CTL_MOD, fd, key, to) {
            Err(error) if is_one_of(&error, &[libc::ENOENT]) => self.control(libc::EPOLL_CTL_ADD, fd, key, to),
            outcome => outcome,
        }
    }

    fn watch_waker(&self, fd: RawFd, key: Key) -> io::Result<Drain> {
        // Edge-triggered: each write is reported once, whether or not the one before was read.
        let mut event = epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: key.token() };
        let operation = libc::EPOLL_CTL_ADD;
        // SAFETY: `event` is readable; our own fd is open.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) })?;
        Ok(Drain::Never)
    }

    fn wait(&self, events: &mut Vec<Event>, limit: usize, timeout: Option<Duration>) -> io::Result<()> {
        let mut found = [const { MaybeUninit::<epoll_event>::uninit() }; MAX_EVENTS];
        let room = &mut found[..limit.min(MAX_EVENTS)];
        let count = match timeout {
            None => self.wait_millis(room, -1)?,
            Some(Duration::ZERO) => self.wait_millis(room, 0)?,
            Some(timeout) => self.wait_exactly(room, timeout)?,
        };
        for event in &room[..count] {
            // SAFETY: the kernel filled the first `count` places.
            let event = unsafe { event.assume_init() };
            events.push(Event { key: Key::from_token(event.u64), ready: readiness(event.events) });
        }
        Ok(())
    }
}

impl Epoll {
    fn control(&self, operation: libc::c_int, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        let mut event = epoll_event { events: wanted(interest), u64: key.token() };
        // SAFETY: `event` is readable; our own fd is open.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    fn wait_exactly(&self, room: &mut [MaybeUninit<epoll_event>], timeout: Duration) -> io::Result<usize> {
        if self.has_pwait2.load(Ordering::Relaxed) {
            match self.wait_nanos(room, timeout) {
                Err(error) if is_one_of(&error, &[libc::ENOSYS, libc::EPERM]) => {
                    self.has_pwait2.store(false, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        self.wait_millis(room, whole_millis(timeout))
    }

    fn wait_millis(&self, room: &mut [MaybeUninit<epoll_event>], millis: libc::c_int) -> io::Result<usize> {
        let (places, count) = (room.as_mut_ptr().cast(), room.len() as libc::c_int);
        // SAFETY: `room` is writable in its whole length; our own fd is open.
        let found = checked(unsafe { libc::epoll_wait(self.fd.as_raw_fd(), places, count, millis) })?;
        Ok(found as usize)
    }

    fn wait_nanos(&self, room: &mut [MaybeUninit<epoll_event>], timeout: Duration) -> io::Result<usize> {
        let timeout =
            KernelTimespec { seconds: timeout.as_secs().cast_signed(), nanos: i64::from(timeout.subsec_nanos()) };
        let signal_mask = std::ptr::null::<libc::sigset_t>();
        // SAFETY: `room` is writable in its whole length and `timeout` is readable; no signal mask is given; our own fd
        // is open.
        let found = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                room.as_mut_ptr(),
                room.len() as libc::c_int,
                &raw const timeout,
                signal_mask,
                0_usize,
            )
        };
        Ok(checked(found as libc::c_int)? as usize)
    }
}

fn wanted(interest: Interest) -> u32 {
    let mut events = 0;
    if interest.is_readable() {
        events |= libc::EPOLLIN;
    }
    if interest.is_writable() {
        events |= libc::EPOLLOUT;
    }
    events.cast_unsigned()
}

/// Whatever is not the one direction is also the other: hang-up and error are both.
fn readiness(events: u32) -> Interest {
    let mut ready = Interest::NONE;
    if events & !libc::EPOLLOUT.cast_unsigned() != 0 {
        ready = ready.with(Interest::READ);
    }
    if events & !libc::EPOLLIN.cast_unsigned() != 0 {
        ready = ready.with(Interest::WRITE);
    }
    ready
}

fn is_one_of(error: &io::Error, codes: &[libc::c_int]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// `struct __kernel_timespec`, which is 64 bits wide on every machine.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanos: i64,
}

/// How many events one wait may find: 12 KiB of stack. The kernel begins the next wait with the others.
const MAX_EVENTS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use super::Epoll;
    use crate::sys::Backend;

    #[test]
    fn a_kernel_without_epoll_pwait2_is_never_early_either() -> std::io::Result<()> {
        let epoll = Epoll::new()?;
        epoll.has_pwait2.store(false, Ordering::Relaxed);
        let timeout = Duration::from_micros(1_100);
        let start = Instant::now();
        epoll.wait(&mut Vec::new(), 1, Some(timeout))?;
        assert!(start.elapsed() >= timeout);
        Ok(())
    }
}
