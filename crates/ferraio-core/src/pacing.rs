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
        Self {
            turns: 0,
            read_at: 1,
            start: None,
            turns_are_long: false,
        }
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
            self.start = Some(Reading {
                nanos,
                turn: self.turns,
            });
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
        let start = self.turns_are_long.then(|| Reading {
            nanos: now_nanos(),
            turn: 0,
        });
        *self = Self {
            start,
            ..Self::new()
        };
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
