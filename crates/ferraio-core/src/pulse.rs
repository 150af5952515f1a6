//! Pulse: what a loop shows of itself to a watchdog in another thread.
//!
//! A number that grows with each step, odd while the loop rests (it waits in the poller, or does not run). The loop only
//! stores, the watchdog only loads, and neither waits for the other; that the same even number is there for long is all
//! the watchdog has to know. While everything rests the watchdog sleeps as well, and the [`Bell`] wakes it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

/// The pulse of one loop.
#[derive(Debug)]
pub struct Pulse {
    /// Twice the number of steps begun, and one more while the loop rests.
    beats: AtomicU64,
    /// How many entries the ready ring had when its turn began.
    ready: AtomicUsize,
}

impl Pulse {
    /// Creates the pulse of a loop that rests.
    pub const fn new() -> Self {
        Self { beats: AtomicU64::new(1), ready: AtomicUsize::new(0) }
    }

    /// The loop begins a turn with so many entries.
    #[inline(always)]
    pub fn turn(&self, ready: usize) {
        self.ready.store(ready, Relaxed);
    }

    /// The loop begins a step.
    #[inline(always)]
    pub fn step(&self) {
        // Only the loop stores, so nothing is lost between the two.
        self.beats.store(self.beats.load(Relaxed) + 2, Relaxed);
    }

    /// The loop rests from now on.
    pub fn rest(&self) {
        self.beats.store(self.beats.load(Relaxed) | 1, Relaxed);
    }

    /// The loop rests no more; wakes a watchdog that sleeps.
    pub fn wake(&self, bell: &Bell) {
        // Before the look at the bell, as the watchdog says that it sleeps before it looks at us.
        self.beats.store((self.beats.load(Relaxed) | 1) + 1, SeqCst);
        bell.ring();
    }

    /// The number now.
    pub fn beat(&self) -> Beat {
        Beat(self.beats.load(SeqCst))
    }

    /// How many entries the ready ring had when its turn began.
    pub fn ready(&self) -> usize {
        self.ready.load(Relaxed)
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new()
    }
}

/// What the watchdog reads of a [`Pulse`]: two equal ones are the same step, or the same rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat(pub u64);

impl Beat {
    /// Does the loop rest?
    pub fn rests(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Wakes the watchdog when a loop stops resting.
#[derive(Debug)]
pub struct Bell {
    /// The watchdog sleeps until it is woken.
    asleep: AtomicBool,
    /// The watchdog.
    sleeper: Mutex<Option<Thread>>,
}

impl Bell {
    /// Creates a bell that nobody listens to.
    pub const fn new() -> Self {
        Self { asleep: AtomicBool::new(false), sleeper: Mutex::new(None) }
    }

    /// Wakes who sleeps in [`sleep_unless`](Self::sleep_unless).
    #[inline]
    pub fn ring(&self) {
        if self.asleep.load(SeqCst) {
            self.asleep.store(false, SeqCst);
            if let Some(sleeper) = &*self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) {
                sleeper.unpark();
            }
        }
    }

    /// Sleeps until somebody rings, unless there is a reason not to: asked once everybody can see that we sleep.
    pub fn sleep_unless(&self, awake: impl FnOnce() -> bool) {
        *self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        self.asleep.store(true, SeqCst);
        if !awake() {
            while self.asleep.load(SeqCst) {
                std::thread::park();
            }
        }
        self.asleep.store(false, SeqCst);
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use super::{Bell, Pulse};

    #[test]
    fn each_step_and_each_rest_has_a_number_of_its_own() {
        let (pulse, bell) = (Pulse::new(), Bell::new());
        let mut seen = vec![pulse.beat()];
        for _ in 0..3 {
            pulse.wake(&bell);
            seen.push(pulse.beat());
            pulse.step();
            seen.push(pulse.beat());
            pulse.step();
            seen.push(pulse.beat());
            pulse.rest();
            seen.push(pulse.beat());
        }
        let numbers: Vec<u64> = seen.iter().map(|beat| beat.0).collect();
        assert!(numbers.is_sorted_by(|earlier, later| earlier < later), "{numbers:?}");
        assert_eq!(seen.iter().filter(|beat| beat.rests()).count(), 4);
    }

    #[test]
    fn resting_twice_is_resting_once() {
        let pulse = Pulse::new();
        let before = pulse.beat();
        pulse.rest();
        assert_eq!(pulse.beat(), before);
    }

    #[test]
    fn who_sleeps_is_woken_by_a_loop_that_stops_resting() {
        let shared = Arc::new((Pulse::new(), Bell::new()));
        let watchdog = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.1.sleep_unless(|| !shared.0.beat().rests()))
        };
        shared.0.wake(&shared.1);
        watchdog.join().expect("the watchdog woke up");
    }

    #[test]
    fn with_a_reason_to_be_awake_nobody_sleeps() {
        Bell::new().sleep_unless(|| true);
    }
}
