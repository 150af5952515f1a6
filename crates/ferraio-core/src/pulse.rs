//! Pulse: what a loop shows of itself to a watchdog in another thread.
//!
//! A number that grows with each step, odd while the loop rests (it waits in the poller, or does not run). The loop only
//! stores, the watchdog only loads, and neither waits for the other; that the same even number is there for long is all
//! the watchdog has to know. It sleeps until the [`Alarm`] of a loop rings, which the loop puts off whenever it has
//! polled: to be woken costs the watchdog as much as a hundred times to put it off (40 µs, on an idle core).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::alarm::Alarm;

/// How long after a loop has put off its alarm it rings, in nanoseconds.
pub const UNDISTURBED: u64 = 8_000_000;

/// The pulse of one loop.
#[derive(Debug)]
pub struct Pulse {
    /// Twice the number of steps begun, and one more while the loop rests.
    beats: AtomicU64,
    /// What that is going to be in the last step of this turn.
    last: AtomicU64,
    /// When the loop put off its alarm, in nanoseconds.
    put_off: AtomicU64,
    /// What wakes a watchdog, and which.
    alarm: Mutex<Option<(u64, Alarm)>>,
}

impl Pulse {
    /// Creates the pulse of a loop that rests.
    pub const fn new() -> Self {
        Self { beats: AtomicU64::new(1), last: AtomicU64::new(0), put_off: AtomicU64::new(0), alarm: Mutex::new(None) }
    }

    /// The loop begins a turn of so many steps.
    #[inline(always)]
    pub fn turn(&self, steps: usize) {
        self.last.store(self.beats.load(Relaxed) + 2 * steps as u64, Relaxed);
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

    /// The loop rests no more, and is about to say that it goes on.
    pub fn wake(&self) {
        self.beats.store((self.beats.load(Relaxed) | 1) + 1, SeqCst);
    }

    /// The loop is alive, `now` by the coarse clock: puts off the alarm, if it has not yet at this tick of the clock.
    #[inline]
    pub fn go_on(&self, now: u64) {
        // After `wake`, as the watchdog forgets about the alarm before it looks whether we still rest.
        if now != self.put_off.load(SeqCst) {
            self.put_off_alarm(now);
        }
    }

    #[cold]
    fn put_off_alarm(&self, now: u64) {
        self.put_off.store(now, Relaxed);
        if let Some((_, alarm)) = &*self.alarm() {
            alarm.set(Duration::from_nanos(UNDISTURBED));
        }
    }

    /// From now on the loop puts off this alarm, which wakes that watchdog; it rings soon.
    pub fn set_alarm(&self, watchdog: u64, alarm: Alarm) {
        alarm.set(Duration::from_nanos(UNDISTURBED));
        *self.alarm() = Some((watchdog, alarm));
    }

    /// Has it an alarm that wakes this watchdog?
    pub fn has_alarm_of(&self, watchdog: u64) -> bool {
        self.alarm().as_ref().is_some_and(|(its, _)| *its == watchdog)
    }

    fn alarm(&self) -> MutexGuard<'_, Option<(u64, Alarm)>> {
        // What is in there is whole at any time.
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be seen at a time. Of a loop that rests the alarm is rung out: it is put off at once when the loop goes
    /// on, even if the clock, which may be late, does not.
    pub fn look(&self, now: u64) -> Look {
        let is_put_off = Alarm::KEEPS_TIME && now < self.put_off.load(Relaxed) + UNDISTURBED;
        if self.beat().rests() && !is_put_off {
            self.put_off.store(0, SeqCst);
        }
        let beat = self.beat();
        Look { now, beat, is_last: beat.0 >= self.last.load(Relaxed), is_put_off }
    }

    /// The number now.
    pub fn beat(&self) -> Beat {
        Beat(self.beats.load(SeqCst))
    }

    /// How many steps are still to come in this turn, after the one that runs.
    pub fn waiting(&self) -> u64 {
        self.last.load(Relaxed).saturating_sub(self.beats.load(Relaxed)) / 2
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

/// What the watchdog sees of a loop at a time.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The time, in nanoseconds.
    pub now: u64,
    /// The step, or the rest.
    pub beat: Beat,
    /// After this step the turn is over, and the alarm put off.
    pub is_last: bool,
    /// The alarm rings by itself.
    pub is_put_off: bool,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::{Pulse, UNDISTURBED};
    use crate::sys::alarm::{Alarm, wait};

    #[test]
    fn each_step_and_each_rest_has_a_number_of_its_own() {
        let pulse = Pulse::new();
        let mut seen = vec![pulse.beat()];
        for _ in 0..3 {
            pulse.wake();
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
    fn the_last_step_of_a_turn_is_known() {
        let pulse = Pulse::new();
        pulse.wake();
        for steps in [1, 3, 0, 2] {
            pulse.turn(steps);
            for left in (0..steps as u64).rev() {
                pulse.step();
                assert_eq!((pulse.waiting(), pulse.look(0).is_last), (left, left == 0));
            }
        }
    }

    #[test]
    fn a_loop_that_does_not_put_off_its_alarm_is_looked_at() {
        let pulse = Pulse::new();
        pulse.set_alarm(1, Alarm::of_this_thread().expect("an alarm"));
        assert!(pulse.has_alarm_of(1) && !pulse.has_alarm_of(2));
        pulse.go_on(UNDISTURBED);
        wait(Some(Duration::from_secs(3600)));
    }

    #[test]
    fn a_loop_that_has_rested_puts_off_its_alarm_even_if_the_clock_stands_still() {
        let pulse = Pulse::new();
        pulse.set_alarm(1, Alarm::of_this_thread().expect("an alarm"));
        pulse.go_on(5);
        wait(Some(Duration::from_secs(3600)));
        pulse.look(5 + UNDISTURBED);
        pulse.wake();
        pulse.go_on(5);
        wait(Some(Duration::from_secs(3600)));
    }

    #[test]
    fn the_alarm_is_known_to_ring_until_it_has() {
        let pulse = Pulse::new();
        pulse.go_on(5);
        assert_eq!(pulse.look(4 + UNDISTURBED).is_put_off, Alarm::KEEPS_TIME);
        assert!(!pulse.look(5 + UNDISTURBED).is_put_off);
    }
}
