//! When the reactor talks to the kernel, seen by a backend that writes everything down.

use std::cell::RefCell;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use ferraio_core::reactor::{Event, Events, Interest, Key, MAX_WAIT, Reactor};
use ferraio_core::sys::Backend;

/// A kernel in which the fds below 100 are open; those from 50 on can be read from, but not written to.
struct Scribe;

thread_local! {
    /// The changes that the kernel accepted, and what the waits were asked, since the story looked last.
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
    /// What the next wait reports.
    static READY: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, PartialEq)]
enum Note {
    Change(RawFd, Interest, Interest),
    Wait(Option<Duration>),
}

impl Backend for Scribe {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    fn change(&self, fd: RawFd, _key: Key, from: Interest, to: Interest) -> io::Result<()> {
        if fd >= 100 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        if fd >= 50 && to.is_writable() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        NOTES.with_borrow_mut(|notes| notes.push(Note::Change(fd, from, to)));
        Ok(())
    }

    fn wait(&self, events: &mut Vec<Event>, limit: usize, timeout: Option<Duration>) -> io::Result<()> {
        NOTES.with_borrow_mut(|notes| notes.push(Note::Wait(timeout)));
        READY.with_borrow_mut(|ready| events.extend(ready.drain(..ready.len().min(limit))));
        Ok(())
    }
}

fn reactor() -> io::Result<Reactor<Scribe>> {
    Reactor::with_backend()
}

fn notes() -> Vec<Note> {
    NOTES.take()
}

fn apply(reactor: &mut Reactor<Scribe>) -> Vec<(Key, Option<i32>)> {
    let mut failed = Vec::new();
    reactor.apply(&mut failed);
    failed.into_iter().map(|(key, error)| (key, error.raw_os_error())).collect()
}

#[test]
fn pausing_and_resuming_within_a_turn_costs_no_system_call() -> io::Result<()> {
    let mut reactor = reactor()?;
    let key = reactor.register(7, Interest::READ)?;
    assert_eq!(notes(), [Note::Change(7, Interest::NONE, Interest::READ)]);
    reactor.set_interest(key, Interest::NONE);
    reactor.set_interest(key, Interest::READ);
    assert_eq!(apply(&mut reactor), []);
    assert_eq!(notes(), []);
    Ok(())
}

#[test]
fn however_often_interest_changes_the_kernel_hears_the_last() -> io::Result<()> {
    let mut reactor = reactor()?;
    let key = reactor.register(7, Interest::READ)?;
    notes();
    assert!(!reactor.has_changes());
    for interest in [Interest::NONE, Interest::WRITE, Interest::BOTH] {
        reactor.set_interest(key, interest);
        assert_eq!(reactor.interest(key), interest);
    }
    assert!(reactor.has_changes());
    apply(&mut reactor);
    assert!(!reactor.has_changes());
    assert_eq!(notes(), [Note::Change(7, Interest::READ, Interest::BOTH)]);
    apply(&mut reactor);
    assert_eq!(notes(), []);
    Ok(())
}

#[test]
fn an_fd_is_forgotten_at_once_and_its_pending_change_with_it() -> io::Result<()> {
    let mut reactor = reactor()?;
    let key = reactor.register(7, Interest::READ)?;
    reactor.set_interest(key, Interest::BOTH);
    notes();
    reactor.deregister(key);
    assert_eq!(notes(), [Note::Change(7, Interest::READ, Interest::NONE)]);
    apply(&mut reactor);
    assert_eq!(notes(), []);
    Ok(())
}

#[test]
fn a_pending_change_does_not_hit_the_next_owner_of_the_number() -> io::Result<()> {
    let mut reactor = reactor()?;
    let old = reactor.register(7, Interest::READ)?;
    reactor.set_interest(old, Interest::BOTH);
    reactor.deregister(old);
    let new = reactor.register(7, Interest::READ)?;
    notes();
    apply(&mut reactor);
    assert_eq!(notes(), []);
    reactor.set_interest(new, Interest::WRITE);
    apply(&mut reactor);
    assert_eq!(notes(), [Note::Change(7, Interest::READ, Interest::WRITE)]);
    Ok(())
}

#[test]
fn an_old_key_changes_nothing() -> io::Result<()> {
    let mut reactor = reactor()?;
    let old = reactor.register(7, Interest::READ)?;
    reactor.deregister(old);
    let new = reactor.register(7, Interest::READ)?;
    notes();
    reactor.set_interest(old, Interest::BOTH);
    reactor.deregister(old);
    apply(&mut reactor);
    assert_eq!(notes(), []);
    assert_eq!(reactor.interest(old), Interest::NONE);
    assert_eq!(reactor.fd_of(old), None);
    assert_eq!(reactor.interest(new), Interest::READ);
    assert_eq!(reactor.fd_of(new), Some(7));
    assert_eq!(reactor.key_of(7), Some(new));
    Ok(())
}

#[test]
fn a_paused_fd_is_deregistered_without_a_system_call() -> io::Result<()> {
    let mut reactor = reactor()?;
    let key = reactor.register(7, Interest::READ)?;
    reactor.set_interest(key, Interest::NONE);
    apply(&mut reactor);
    notes();
    reactor.deregister(key);
    assert_eq!(notes(), []);
    Ok(())
}

#[test]
fn a_refused_change_is_reported_once_and_does_not_stop_the_others() -> io::Result<()> {
    let mut reactor = reactor()?;
    let refused = reactor.register(50, Interest::READ)?;
    let accepted = reactor.register(7, Interest::READ)?;
    notes();
    for key in [refused, accepted] {
        reactor.set_interest(key, Interest::BOTH);
    }
    assert_eq!(apply(&mut reactor), [(refused, Some(libc::EINVAL))]);
    assert_eq!(notes(), [Note::Change(7, Interest::READ, Interest::BOTH)]);
    assert_eq!(apply(&mut reactor), []);
    // For the kernel it is as before, and so is the next change.
    reactor.set_interest(refused, Interest::NONE);
    apply(&mut reactor);
    assert_eq!(notes(), [Note::Change(50, Interest::READ, Interest::NONE)]);
    Ok(())
}

#[test]
fn what_cannot_be_watched_is_not_registered() -> io::Result<()> {
    let mut reactor = reactor()?;
    let error = reactor.register(50, Interest::WRITE).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert_eq!(reactor.key_of(50), None);
    assert!(reactor.is_empty());
    assert!(reactor.register(50, Interest::READ).is_ok());
    Ok(())
}

#[test]
fn the_registered_fds_can_be_counted_and_listed() -> io::Result<()> {
    let mut reactor = reactor()?;
    let paused = reactor.register(9, Interest::READ)?;
    let gone = reactor.register(5, Interest::WRITE)?;
    reactor.register(3, Interest::BOTH)?;
    reactor.set_interest(paused, Interest::NONE);
    reactor.deregister(gone);
    assert_eq!(reactor.len(), 2);
    assert!(reactor.iter().eq([(3, Interest::BOTH), (9, Interest::NONE)]));
    Ok(())
}

#[test]
fn an_event_is_shown_only_as_far_as_it_is_wanted_now() -> io::Result<()> {
    let mut reactor = reactor()?;
    let mut events = Events::with_capacity(8);
    let interests = [Interest::READ, Interest::WRITE, Interest::BOTH, Interest::NONE];
    let keys = (0..).zip(interests).map(|(fd, interest)| reactor.register(fd, interest));
    let keys = keys.collect::<io::Result<Vec<_>>>()?;
    let gone = reactor.register(9, Interest::READ)?;
    READY.set(keys.iter().chain([&gone]).map(|&key| Event { key, ready: Interest::BOTH }).collect());
    reactor.poller().wait(&mut events, None)?;
    reactor.deregister(gone);
    let shown: Vec<_> = reactor.ready(&events).map(|event| (event.key, event.ready)).collect();
    assert_eq!(shown, [(keys[0], Interest::READ), (keys[1], Interest::WRITE), (keys[2], Interest::BOTH)]);
    Ok(())
}

#[test]
fn each_wait_forgets_what_the_one_before_found() -> io::Result<()> {
    let mut reactor = reactor()?;
    let mut events = Events::with_capacity(8);
    let key = reactor.register(7, Interest::READ)?;
    READY.set(vec![Event { key, ready: Interest::READ }]);
    let poller = reactor.poller();
    assert_eq!(poller.wait(&mut events, None)?, 1);
    assert_eq!(poller.wait(&mut events, None)?, 0);
    assert!(events.is_empty());
    Ok(())
}

#[test]
fn a_timeout_beyond_all_measure_is_cut() -> io::Result<()> {
    let reactor = reactor()?;
    let mut events = Events::with_capacity(8);
    let timeouts = [None, Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(Duration::MAX)];
    for timeout in timeouts {
        reactor.poller().wait(&mut events, timeout)?;
    }
    let asked = [None, Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(MAX_WAIT)];
    assert_eq!(notes(), asked.map(Note::Wait));
    Ok(())
}
