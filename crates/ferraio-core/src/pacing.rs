//! Pacing: how long a busy loop may go on without asking the kernel for news.
//!
//! Polling costs more than a short turn. So while there is work, the loop polls only every [`MAX_TURNS`] turns or
//! [`MAX_NANOS`], whichever comes first. Reading the clock costs, too: we read it more seldom while the turns have been
//! short, but never skip more than [`MAX_UNREAD`] turns, so that the first long turns after short ones are noticed soon.
//! After a poll nothing is read until the first turn has left work behind; a loop that is idle between events therefore
//! never pays for the clock, unless its turns were long last time.

/// Remembers when the loop polled last, and how long its turns take.
pub struct Pacing {
    /// Turns since the last poll.
    turns: u32,
    /// The turn at whose start we read the clock next.
    read_at: u32,
    /// When and at which turn we began to measure: at the last poll, or soon after.
    start: Option<Reading>,
    /// The time ran out before the turns did, so that the next measurement must begin with the poll itself.
    turns_are_long: bool,
}

#[derive(Clone, Copy)]
struct Reading {
    nanos: u64,
    turn: u32,
}

impl Pacing {
    /// Creates the pacing of a loop that has just polled.
    pub const fn new() -> Self {
        Self { turns: 0, read_at: 1, start: None, turns_are_long: false }
    }

    /// Tells, at the start of each turn with work left on the ring, whether to poll before it.
    pub fn poll_now(&mut self, now_nanos: impl FnOnce() -> u64) -> bool {
        self.turns += 1;
        if self.turns >= MAX_TURNS {
            self.turns = MAX_TURNS;
            return true;
        }
        if self.turns < self.read_at {
            return false;
        }
        let nanos = now_nanos();
        let Some(start) = self.start else {
            self.start = Some(Reading { nanos, turn: self.turns });
            self.read_at = self.turns + 1;
            return false;
        };
        let elapsed = nanos.saturating_sub(start.nanos);
        if elapsed >= MAX_NANOS {
            self.turns_are_long = true;
            return true;
        }
        self.read_at = self.turns + turns_to_skip(elapsed, self.turns - start.turn);
        false
    }

    /// Notes that the loop has polled.
    pub fn polled(&mut self, now_nanos: impl FnOnce() -> u64) {
        let start = self.turns_are_long.then(|| Reading { nanos: now_nanos(), turn: 0 });
        *self = Self { start, ..Self::new() };
    }
}

impl Default for Pacing {
    fn default() -> Self {
        Self::new()
    }
}

/// After how many turns to read the clock again: at half of the time that is left, if turns go on as they did.
fn turns_to_skip(elapsed: u64, turns: u32) -> u32 {
    let nanos_per_turn = (elapsed / u64::from(turns.max(1))).max(1);
    let turns_left = (MAX_NANOS - elapsed) / nanos_per_turn;
    (turns_left / 2).clamp(1, u64::from(MAX_UNREAD) + 1) as u32
}

/// A prime, so that a program with a period of its own does not meet every poll at the same phase.
pub const MAX_TURNS: u32 = 61;

/// Longer than many short turns, and far below what anybody notices as latency.
pub const MAX_NANOS: u64 = 50_000;

/// At most so many turns in a row begin without reading the clock.
pub const MAX_UNREAD: u32 = 3;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{MAX_NANOS, MAX_TURNS, MAX_UNREAD, Pacing};

    /// A loop that is always busy, on a clock that its turns advance.
    #[derive(Default)]
    struct BusyLoop {
        pacing: Pacing,
        now: Cell<u64>,
        readings: Cell<u32>,
    }

    impl BusyLoop {
        /// Runs one turn of the given length; tells whether the loop polled before it.
        fn turn(&mut self, nanos: u64) -> bool {
            let Self { pacing, now, readings } = self;
            let clock = || {
                readings.set(readings.get() + 1);
                now.get()
            };
            let polls = pacing.poll_now(clock);
            if polls {
                pacing.polled(clock);
            }
            now.set(now.get() + nanos);
            polls
        }

        /// Counts the turns until the loop polls, the one that begins with the poll included.
        fn turns_to_poll(&mut self, nanos: u64) -> u32 {
            (1..).find(|_| self.turn(nanos)).expect("there is always another turn")
        }
    }

    #[test]
    fn short_turns_poll_by_number_and_read_the_clock_now_and_then() {
        let mut busy = BusyLoop::default();
        assert_eq!(busy.turns_to_poll(100), MAX_TURNS);
        assert_eq!(busy.turns_to_poll(100), MAX_TURNS);
        assert!(busy.readings.get() <= 2 * (MAX_TURNS / (MAX_UNREAD + 1) + 2));
    }

    #[test]
    fn turns_of_some_microseconds_poll_by_time() {
        let mut busy = BusyLoop::default();
        busy.turns_to_poll(5_000);
        for _ in 0..10 {
            let turns = u64::from(busy.turns_to_poll(5_000));
            assert!(turns >= MAX_NANOS / 5_000);
            assert!(turns <= MAX_NANOS / 5_000 + u64::from(MAX_UNREAD));
        }
    }

    #[test]
    fn a_loop_whose_turns_are_long_polls_before_each() {
        let mut busy = BusyLoop::default();
        busy.turns_to_poll(10_000_000);
        for _ in 0..10 {
            assert!(busy.turn(10_000_000));
        }
    }

    #[test]
    fn the_first_long_turn_after_short_ones_is_noticed_soon() {
        for short_turns in 0..2 * MAX_TURNS {
            let mut busy = BusyLoop::default();
            for _ in 0..short_turns {
                busy.turn(100);
            }
            assert!(busy.turns_to_poll(10_000_000) <= MAX_UNREAD + 2);
        }
    }

    #[test]
    fn turns_that_become_short_again_are_no_longer_measured_each() {
        let mut busy = BusyLoop::default();
        for _ in 0..10 {
            busy.turn(10_000_000);
        }
        busy.turns_to_poll(100);
        busy.turns_to_poll(100);
        busy.readings.set(0);
        assert_eq!(busy.turns_to_poll(100), MAX_TURNS);
        assert!(busy.readings.get() <= MAX_TURNS / (MAX_UNREAD + 1) + 2);
    }

    #[test]
    fn a_loop_that_is_idle_between_events_never_reads_the_clock() {
        let mut pacing = Pacing::new();
        for _ in 0..10 {
            pacing.polled(|| panic!("nobody asked for the time"));
        }
    }

    #[test]
    fn it_insists_until_the_loop_polls() {
        let mut pacing = Pacing::new();
        for _ in 1..MAX_TURNS {
            pacing.poll_now(|| 0);
        }
        assert!(pacing.poll_now(|| 0));
        assert!(pacing.poll_now(|| 0));
        pacing.polled(|| 0);
        assert!(!pacing.poll_now(|| 0));
    }
}
