//! Waiting with poll, which every Unix has.
//!
//! The kernel keeps nothing between waits, so we keep the table. It knows numbers, not files: a closed fd shows up as
//! `POLLNVAL` and is forgotten then, as epoll and kqueue do by themselves. Unlike epoll, poll takes regular files, and
//! calls them ready. The wait works on a copy of the table, so that other threads can change it meanwhile.

use std::io;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libc::pollfd;

use super::{Backend, checked, whole_millis};
use crate::reactor::{Event, Interest, Key};

/// A table of fds to poll.
pub struct Poll {
    /// Behind a lock, because changes and waits come from different threads.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// What is watched.
    fds: Vec<pollfd>,
    /// The key of each of the `fds`, in the same order.
    keys: Vec<Key>,
    /// Where a wait with too little room for all events stopped: the next one reports from there.
    next: usize,
}

impl Backend for Poll {
    fn new() -> io::Result<Self> {
        Ok(Self { table: Mutex::default() })
    }

    fn change(&self, fd: RawFd, key: Key, _from: Interest, to: Interest) -> io::Result<()> {
        let mut table = self.table();
        if to.is_none() {
            table.remove(fd);
            return Ok(());
        }
        // SAFETY: no memory is involved.
        checked(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
        table.watch(fd, key, to);
        Ok(())
    }

    fn wait(&self, events: &mut Vec<Event>, limit: usize, timeout: Option<Duration>) -> io::Result<()> {
        let (mut fds, keys, start) = {
            let table = self.table();
            (table.fds.clone(), table.keys.clone(), table.next)
        };
        let millis = timeout.map_or(-1, whole_millis);
        // SAFETY: `fds` is writable in its whole length.
        checked(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) })?;
        let (before, after) = (0..start.min(fds.len()), start.min(fds.len())..fds.len());
        let mut room = limit;
        for place in after.chain(before) {
            let (pollfd { fd, revents, .. }, key) = (fds[place], keys[place]);
            if revents & libc::POLLNVAL != 0 {
                self.table().forget(fd, key);
            } else if revents != 0 {
                if room == 0 {
                    self.table().next = place;
                    break;
                }
                room -= 1;
                events.push(Event { key, ready: readiness(revents) });
            }
        }
        Ok(())
    }
}

impl Poll {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that could leave the table half changed panics under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn watch(&mut self, fd: RawFd, key: Key, interest: Interest) {
        let entry = pollfd { fd, events: wanted(interest), revents: 0 };
        match self.place_of(fd) {
            Some(place) => {
                self.fds[place] = entry;
                self.keys[place] = key;
            }
            None => {
                self.fds.push(entry);
                self.keys.push(key);
            }
        }
    }

    fn remove(&mut self, fd: RawFd) {
        if let Some(place) = self.place_of(fd) {
            self.fds.swap_remove(place);
            self.keys.swap_remove(place);
        }
    }

    /// Removes an fd that was found closed, unless its number belongs to somebody else by now.
    fn forget(&mut self, fd: RawFd, key: Key) {
        if self.place_of(fd).is_some_and(|place| self.keys[place] == key) {
            self.remove(fd);
        }
    }

    fn place_of(&self, fd: RawFd) -> Option<usize> {
        self.fds.iter().position(|entry| entry.fd == fd)
    }
}

fn wanted(interest: Interest) -> libc::c_short {
    let mut events = 0;
    if interest.is_readable() {
        events |= libc::POLLIN;
    }
    if interest.is_writable() {
        events |= libc::POLLOUT;
    }
    events
}

/// Whatever is not the one direction is also the other: hang-up and error are both.
fn readiness(events: libc::c_short) -> Interest {
    let mut ready = Interest::NONE;
    if events & !libc::POLLOUT != 0 {
        ready = ready.with(Interest::READ);
    }
    if events & !libc::POLLIN != 0 {
        ready = ready.with(Interest::WRITE);
    }
    ready
}
