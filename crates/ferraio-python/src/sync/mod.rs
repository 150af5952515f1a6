//! Locks, events, semaphores and queues: the hot halves.
//!
//! `ferraio.Lock` and its kin are Python classes over those here and over asyncio's own, whose other methods find their
//! attributes (`_waiters`, `_value`, …) here. The waiters are futures in a `deque`, exactly as in asyncio, so that both
//! halves can be mixed at any moment; only the coroutine around each wait is missing. Where somebody has overridden a
//! method, or the running loop is not ours, asyncio's own method does it all.

pub mod event;
pub mod lock;
pub mod queue;
pub mod semaphore;

use crate::event_loop::{EventLoop, observed};
use crate::ffi::{Deque, Name, Obj, Own, Result, Slot};
use crate::future::{Future, State};
use crate::imports::{self as py};

/// Which way the calls of a lock or semaphore take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The short one.
    Short,
    /// The short one, and `ferraio.diagnose` is told who holds it.
    Observed,
    /// That of asyncio: the instance has methods of its own.
    Patched,
}

impl Default for Way {
    fn default() -> Self {
        if observed::notes_holders() { Way::Observed } else { Way::Short }
    }
}

static CANCELLED: Name = Name::new("cancelled");

/// A new future of the running loop, if that is one of ours, and the primitive belongs to it or to none yet.
pub fn new_waiter(bound: &Slot) -> Result<Option<Own<Future>>> {
    let running = match py::GET_RUNNING_LOOP.get()?.call0() {
        Ok(running) => running,
        Err(raised) => {
            raised.clear();
            return Ok(None);
        }
    };
    let Some(event_loop) = Own::<EventLoop>::from_obj(&running).filter(|ours| ours.is_direct()) else {
        return Ok(None);
    };
    if !bound.holds(&running) {
        if bound.is_some() {
            return Ok(None);
        }
        bound.set(running.clone());
    }
    Future::create(event_loop).map(Some)
}

/// Gives a waiter its result, unless it is done. Says whether it was given.
#[inline(always)]
pub fn wake(waiter: &Obj, result: Obj) -> Result<bool> {
    let Some(future) = Own::<Future>::from_exact(waiter) else { return wake_foreign(waiter, &result) };
    if future.is_done() {
        return Ok(false);
    }
    future.finish(result)?;
    Ok(true)
}

#[cold]
fn wake_foreign(waiter: &Obj, result: &Obj) -> Result<bool> {
    if waiter.call_method(&py::DONE, [])?.truth()? {
        return Ok(false);
    }
    waiter.call_method(&py::SET_RESULT, [result])?;
    Ok(true)
}

/// `waiter.cancelled()`
pub fn is_cancelled(waiter: &Obj) -> Result<bool> {
    match Own::<Future>::from_exact(waiter) {
        Some(future) => Ok(future.state() == State::Cancelled),
        None => waiter.call_method(&CANCELLED, [])?.truth(),
    }
}

/// Is there a waiter that is not cancelled?
pub fn somebody_waits(waiters: &Deque) -> Result<bool> {
    if waiters.is_empty() {
        return Ok(false);
    }
    waiters.obj().any(|waiter| Ok(!is_cancelled(waiter)?))
}

/// What a slot that should hold a deque of waiters holds.
pub enum Waiters<'a> {
    /// Nothing yet.
    None,
    /// A deque.
    Deque(&'a Deque),
    /// Something that only asyncio's own code can deal with.
    Other,
}

impl<'a> Waiters<'a> {
    /// Looks at the content of a slot.
    #[inline(always)]
    pub fn of(held: &'a Option<Obj>) -> Result<Self> {
        Ok(match held {
            None => Waiters::None,
            Some(object) => Deque::from_exact(object)?.map_or(Waiters::Other, Waiters::Deque),
        })
    }
}

/// The deque in a slot, made if nothing is there.
pub fn deque_in(slot: &Slot) -> Result<Obj> {
    if let Some(deque) = slot.get() {
        return Ok(deque);
    }
    let deque = Deque::create()?;
    slot.set(deque.clone());
    Ok(deque)
}

/// `slot.remove(waiter)`
#[inline(always)]
pub fn remove_waiter(slot: &Slot, waiter: &Obj) -> Result<()> {
    let held = slot.get_or_none();
    match Deque::from_exact(&held)? {
        Some(deque) => deque.remove(waiter),
        None => held.call_method(&REMOVE, [waiter]).map(drop),
    }
}

static REMOVE: Name = Name::new("remove");

/// Is it a `CancelledError`?
pub fn is_cancellation(error: &Obj) -> Result<bool> {
    error.is_instance(py::CANCELLED_ERROR.get()?)
}
