//! What a loop that is observed tells `ferraio.diagnose`.
//!
//! While a program is diagnosed its loops carry a flag. Everything here is cold: the hot paths look at their flags
//! anyway, and a loop that nobody observes does not come here. What is told must not disturb: an exception of an
//! observer goes to `sys.unraisablehook`. Only `about_to_wait` may raise, to end a deadlock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{EventLoop, Flags};
use crate::async_call::Step;
use crate::diagnose;
use crate::ffi::{Args, Import, Obj, Own, Result, thread};
use ferraio_core::clock;

/// Is the program diagnosed?
static OBSERVING: AtomicBool = AtomicBool::new(false);
/// Shall locks and semaphores note who holds them?
static NOTING_HOLDERS: AtomicBool = AtomicBool::new(false);

/// After how many seconds of a run diagnosing begins though nobody has chosen to, as the bits of a `f64`.
static DIAGNOSE_AFTER: AtomicU64 = AtomicU64::new(f64::INFINITY.to_bits());

/// Something that an observer is told.
pub struct Event(Import);

macro_rules! events {
    ($($(#[$what:meta])+ $constant:ident = $function:literal;)+) => {$(
        $(#[$what])+
        pub static $constant: Event = Event(Import::new("ferraio.diagnose.observer", $function));
    )+};
}

events! {
    /// A loop is used from another thread than the one that runs it: (loop).
    WRONG_THREAD = "wrong_thread";
    /// A task has ended with an exception: (task).
    TASK_FAILED = "task_failed";
    /// A future died whose exception nobody had looked at: (future).
    EXCEPTION_LOST = "exception_lost";
    /// A task died before it was done: (task).
    TASK_DESTROYED = "task_destroyed";
    /// A task was asked to cancel very often: (task).
    CANCELLED_OFTEN = "cancelled_often";
    /// A cancellation is thrown into a task: (task, exception).
    CANCELLING = "cancelling";
    /// The step is over that this began: (task, what `CANCELLING` returned).
    CANCELLED = "cancelled";
    /// A gather is about to fail while some of its children run: (gather).
    GATHER_FAILED = "gather_failed";
    /// All children of a gather that had failed are done: (gather).
    GATHER_ENDED = "gather_ended";
    /// A gather is about to end because it was cancelled: (gather).
    GATHER_CANCELLED = "gather_cancelled";
    /// Somebody has got a lock or semaphore: (it).
    TAKEN = "taken";
    /// Somebody has given a lock or semaphore back: (it).
    RELEASED = "released";
    /// Somebody waits for a lock or semaphore: (it).
    CONTENDED = "contended";
}

impl Event {
    /// Tells the observer; returns its answer.
    #[cold]
    pub fn tell<const N: usize>(&self, arguments: [&Obj; N]) -> Option<Obj> {
        match self.0.get().and_then(|observer| observer.call(arguments)) {
            Ok(answer) => Some(answer),
            Err(raised) if thread::is_finalizing() => {
                raised.clear();
                None
            }
            Err(_raised) => {
                arguments.first().expect("each event is about something").write_unraisable();
                None
            }
        }
    }
}

/// Shall a new lock or semaphore note who holds it?
pub fn notes_holders() -> bool {
    NOTING_HOLDERS.load(Relaxed)
}

/// `acquire()` of a lock or semaphore that is observed goes this way.
pub fn acquiring(primitive: &Obj, step: &Step) {
    match step {
        Step::Return(_) => TAKEN.tell([primitive]),
        Step::Wait(_) | Step::Delegate(_) => CONTENDED.tell([primitive]),
    };
}

/// Is `event_loop` one of ours that is observed?
pub fn observes(event_loop: &Obj) -> bool {
    Own::<EventLoop>::from_obj(event_loop).is_some_and(|ours| ours.is_observed())
}

impl EventLoop {
    /// Is somebody told what happens here?
    #[inline(always)]
    pub fn is_observed(&self) -> bool {
        self.flags.get().has(Flags::OBSERVED)
    }

    /// A run begins: is the program diagnosed now, or will it be?
    pub(super) fn note_observing(&self) {
        let observing = OBSERVING.load(Relaxed);
        self.set_flag(Flags::OBSERVED, observing);
        if !observing {
            self.next_look.set(now() + f64::from_bits(DIAGNOSE_AFTER.load(Relaxed)));
        }
    }
}

impl Own<EventLoop> {
    /// The loop is about to poll, and would wait so long: lets the observer look if it wants to, or if the wait could
    /// last for ever. Returns how long to wait then.
    #[cold]
    pub(super) fn look(&self, timeout: Option<Duration>) -> Result<Option<Duration>> {
        static ABOUT_TO_WAIT: Import = Import::new("ferraio.diagnose.observer", "about_to_wait");
        let for_ever = timeout.is_none() && !self.has_posts() && !self.watches_anything();
        let left = self.until_next_look();
        if !for_ever && left > 0.0 {
            return Ok(at_most(timeout, left));
        }
        self.leave_task()?;
        let next_look = ABOUT_TO_WAIT.get()?.call([self.obj(), &Obj::bool(for_ever)])?;
        self.next_look.set(if next_look.is_none() { f64::INFINITY } else { next_look.as_f64()? });
        let timeout = self.time_to_wait_now(timeout)?;
        Ok(at_most(timeout, self.until_next_look()))
    }

    /// The loop is about to poll, has run for a while, and is not diagnosed: begins with that when it is time to.
    #[cold]
    pub(super) fn begin_to_diagnose(&self, timeout: Option<Duration>) -> Result<Option<Duration>> {
        static BEGIN: Import = Import::new("ferraio._diagnosing", "begin_at_last");
        let left = self.until_next_look();
        if left > 0.0 {
            return Ok(at_most(timeout, left));
        }
        self.next_look.set(f64::INFINITY);
        self.leave_task()?;
        BEGIN.get()?.call([])?;
        // If another loop has made the beginning, this one has not heard of it yet.
        self.set_flag(Flags::OBSERVED, OBSERVING.load(Relaxed));
        self.begin_to_be_watched()?;
        self.time_to_wait_now(timeout)
    }

    /// This thread runs the loop: lets the watchdog look at it, if there is one and it does not yet.
    pub(super) fn begin_to_be_watched(&self) -> Result<()> {
        if self.watching.borrow().is_none() {
            let watching = diagnose::watch(self)?;
            self.watching.replace(watching);
        }
        Ok(())
    }

    /// How long to wait after all, when Python code that may have scheduled something has run since `timeout` was found.
    fn time_to_wait_now(&self, timeout: Option<Duration>) -> Result<Option<Duration>> {
        let busy = timeout == Some(Duration::ZERO) || !self.ring.borrow().is_empty() || self.stopping.get();
        if busy { Ok(Some(Duration::ZERO)) } else { self.time_to_wait() }
    }

    /// In how many seconds to look; infinite: not at all.
    fn until_next_look(&self) -> f64 {
        self.next_look.get() - now()
    }

    fn has_posts(&self) -> bool {
        self.shared.borrow().as_ref().is_some_and(|shared| shared.inbox.has_posts())
    }
}

/// The shorter wait of the two.
fn at_most(timeout: Option<Duration>, seconds: f64) -> Option<Duration> {
    if timeout == Some(Duration::ZERO) || seconds.is_infinite() {
        return timeout;
    }
    let limit = Duration::from_secs_f64(seconds.clamp(0.0, super::LONGEST_WAIT));
    Some(timeout.map_or(limit, |timeout| timeout.min(limit)))
}

/// `time.monotonic()` or a few milliseconds ago, whatever the loop takes for the time.
fn now() -> f64 {
    clock::seconds(clock::coarse_nanos())
}

/// `_observe(loops, holders)`: from their next run on loops tell what happens; new locks note who holds them.
pub fn observe(args: Args<'_>) -> Result<Obj> {
    if let [loops, holders] = args.positional {
        OBSERVING.store(loops.truth()?, Relaxed);
        NOTING_HOLDERS.store(holders.truth()?, Relaxed);
    }
    Ok(Obj::none())
}

/// `_diagnose_after(seconds)`: loops that begin to run, and are not observed, begin with it after so long a run.
pub fn diagnose_after(args: Args<'_>) -> Result<Obj> {
    if let [seconds] = args.positional {
        DIAGNOSE_AFTER.store(seconds.as_f64()?.to_bits(), Relaxed);
    }
    Ok(Obj::none())
}
