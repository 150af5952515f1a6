//! Stalls: when the step of a loop counts as blocked.
//!
//! A watchdog looks at the loop when its alarm rings, and every [`TICK`] from then on until the loop rests or puts off
//! its alarm again. What it saw it gives to [`Stall::look`]. A step that is there from one
//! look to the next has begun before the first of them, so the time between them belongs to it; what it took before is
//! not known and not counted. Of this time, what the step has computed or slept counts. While it stood in the queue for
//! a processor (others have kept the machine busy), or for the interpreter (another thread computes), it was not the
//! step that blocked the loop. That it slept is known if it has not run meanwhile, or if it sleeps at two looks in a row:
//! at one look, a step that waits for the interpreter again and again may be in a short sleep by chance. Many short steps
//! never block the loop: each look sees another one.

use crate::pulse::Look;
use crate::sys::alarm::Alarm;

/// How often the watchdog looks at a turn that takes long, in nanoseconds: so late the beginning of a step may be noticed.
pub const TICK: u64 = 11_000_000;

/// How often it looks at the last step of a turn, after which the alarm rings in time.
const LONG_TICK: u64 = 3 * TICK;

/// It does not look again before so many nanoseconds: what is missing to the threshold may be missing for long.
const SHORTEST_TICK: u64 = 1_000_000;

/// A look speaks for at most so much of the time before it: the process may have been stopped meanwhile.
const SPEAKS_FOR: u64 = 4 * TICK;

/// After so many looks at the same rest nobody needs to look until the loop goes on.
const LOOKS_AT_REST: u32 = if Alarm::KEEPS_TIME { 1 } else { 10 };

/// How far the watch of one loop has come.
#[derive(Debug)]
pub struct Stall {
    /// From how long on a step counts as blocked, in nanoseconds.
    threshold: u64,
    /// What the last look saw.
    last: Option<Look>,
    /// When the step that the last look saw was seen first.
    first_seen: u64,
    /// What counts of the time since.
    counted: u64,
    /// The thread was asleep at the last look: what counts in addition if it is at the next one, too.
    doubtful: Option<u64>,
    /// What the thread had computed at the last look at a step, in nanoseconds.
    computed: u64,
    /// The step is known to be blocked.
    is_blocked: bool,
    /// When it was last asked where, and whether that is told.
    asked: u64,
    is_told: bool,
    /// How many looks in a row saw the same rest.
    at_rest: u32,
}

/// What else can be asked about the loop's thread, which costs more than the look itself.
pub trait Inquiry {
    /// What it has computed in its life, in nanoseconds.
    fn computed(&mut self) -> u64;
    /// Is it asleep: in a system call, but not to wait for the interpreter?
    fn is_asleep(&mut self) -> bool;
}

/// What a look has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing new.
    Quiet,
    /// The step is blocked, for so many nanoseconds until now. Said once for each block.
    Blocked(u64),
    /// The same step has gone on, and sleeps in another call now, as long as a whole threshold.
    Elsewhere,
    /// The block is over, and took so many nanoseconds.
    Over(u64),
}

impl Stall {
    /// Creates the watch of a loop that nobody has looked at.
    pub const fn new(threshold: u64) -> Self {
        Self {
            threshold,
            last: None,
            first_seen: 0,
            counted: 0,
            doubtful: None,
            computed: 0,
            is_blocked: false,
            asked: 0,
            is_told: false,
            at_rest: 0,
        }
    }

    /// Takes in a look, and asks what matters of the thread.
    pub fn look(&mut self, look: Look, thread: &mut impl Inquiry) -> Verdict {
        let Some(last) = self.last.replace(look).filter(|last| last.beat == look.beat) else {
            return self.begin(look, thread);
        };
        if look.beat.rests() {
            self.at_rest = self.at_rest.saturating_add(1);
            return Verdict::Quiet;
        }
        if self.is_blocked {
            return self.look_again(look.now, thread);
        }
        let passed = look.now.saturating_sub(last.now).min(SPEAKS_FOR);
        let computed = thread.computed();
        let ran = computed.saturating_sub(self.computed).min(passed);
        self.computed = computed;
        let has_run_all_along = ran >= passed - passed / 4;
        self.counted += ran;
        let slept = (!has_run_all_along && thread.is_asleep()).then_some(passed - ran);
        self.doubtful = match (slept, self.doubtful) {
            (Some(slept), None) if ran > 0 => Some(slept),
            (Some(slept), doubtful) => {
                self.counted += slept + doubtful.unwrap_or(0);
                Some(0)
            }
            (None, _) => None,
        };
        if self.counted < self.threshold {
            return Verdict::Quiet;
        }
        (self.is_blocked, self.is_told, self.asked) = (true, true, look.now);
        Verdict::Blocked(self.counted)
    }

    /// The step is known to be blocked. A thread that has not run since it was asked last is still in the same call.
    fn look_again(&mut self, now: u64, thread: &mut impl Inquiry) -> Verdict {
        if now.saturating_sub(self.asked) < self.threshold {
            return Verdict::Quiet;
        }
        self.asked = now;
        let computed = thread.computed();
        let has_run = self.computed != computed;
        self.computed = computed;
        let was_told = std::mem::replace(&mut self.is_told, !has_run);
        if has_run || was_told || !thread.is_asleep() { Verdict::Quiet } else { Verdict::Elsewhere }
    }

    /// Another step or rest than at the last look.
    fn begin(&mut self, look: Look, thread: &mut impl Inquiry) -> Verdict {
        let verdict = if self.is_blocked { Verdict::Over(look.now - self.first_seen) } else { Verdict::Quiet };
        let (at_rest, computed) = if look.beat.rests() { (1, 0) } else { (0, thread.computed()) };
        *self = Self { last: Some(look), first_seen: look.now, at_rest, computed, ..Self::new(self.threshold) };
        verdict
    }

    /// In how many nanoseconds to look again: at a step that may become blocked just when it does. `None`: when the
    /// alarm rings.
    pub fn next_look(&self) -> Option<u64> {
        let last = self.last?;
        if last.is_put_off || (last.beat.rests() && self.at_rest >= LOOKS_AT_REST) {
            return None;
        }
        let tick = if last.is_last { LONG_TICK } else { TICK };
        let left = self.threshold.saturating_sub(self.counted + self.doubtful.unwrap_or(0));
        Some(if left == 0 { tick } else { left.clamp(SHORTEST_TICK, tick) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Inquiry, LONG_TICK, Look, SHORTEST_TICK, SPEAKS_FOR, Stall, TICK, Verdict};
    use crate::pulse::Beat;

    const THRESHOLD: u64 = 100_000_000;

    /// A loop's thread on a clock of its own, with a watchdog.
    struct World {
        stall: Stall,
        now: u64,
        computed: u64,
        beat: u64,
        is_last: bool,
        verdicts: Vec<(u64, Verdict)>,
    }

    /// What the loop's thread does.
    #[derive(Clone, Copy, PartialEq)]
    enum Doing {
        Computing,
        Sleeping,
        /// It could run, but others do.
        Queueing,
    }

    /// What the thread would answer.
    struct Answers {
        computed: u64,
        is_asleep: bool,
    }

    impl Inquiry for Answers {
        fn computed(&mut self) -> u64 {
            self.computed
        }

        fn is_asleep(&mut self) -> bool {
            self.is_asleep
        }
    }

    fn look_at(now: u64, beat: u64) -> Look {
        Look { now, beat: Beat(beat), is_last: false, is_put_off: false }
    }

    impl World {
        fn new() -> Self {
            Self { stall: Stall::new(THRESHOLD), now: 0, computed: 0, beat: 0, is_last: false, verdicts: Vec::new() }
        }

        /// Lets time pass in one step, with the watchdog looking when it wants to; returns the verdicts.
        fn pass(&mut self, nanos: u64, doing: Doing) {
            let end = self.now + nanos;
            while self.now < end {
                let tick = self.stall.next_look().unwrap_or(TICK).min(end - self.now);
                self.now += tick;
                if doing == Doing::Computing {
                    self.computed += tick;
                }
                self.look(doing == Doing::Sleeping);
            }
        }

        fn look(&mut self, is_asleep: bool) {
            let look = Look { is_last: self.is_last, ..look_at(self.now, self.beat) };
            match self.stall.look(look, &mut Answers { computed: self.computed, is_asleep }) {
                Verdict::Quiet => {}
                verdict => self.verdicts.push((self.now, verdict)),
            }
        }

        fn next_step(&mut self) {
            self.beat += 2;
        }
    }

    #[test]
    fn a_step_that_sleeps_is_blocked_within_a_tick_after_the_threshold() {
        for (doing, is_last) in [Doing::Sleeping, Doing::Computing].into_iter().zip([false, true]) {
            let mut world = World { is_last, ..World::new() };
            world.next_step();
            world.pass(2 * THRESHOLD, doing);
            let [(when, Verdict::Blocked(so_far))] = world.verdicts[..] else { panic!("{:?}", world.verdicts) };
            assert!((THRESHOLD..=THRESHOLD + TICK).contains(&when), "after {when}");
            assert!(so_far >= THRESHOLD && so_far <= when);
        }
    }

    #[test]
    fn the_end_of_a_block_tells_what_it_took() {
        let mut world = World::new();
        world.next_step();
        world.pass(5 * THRESHOLD, Doing::Sleeping);
        world.next_step();
        world.pass(TICK, Doing::Computing);
        let (_, Verdict::Over(total)) = world.verdicts[1] else { panic!("{:?}", world.verdicts) };
        assert!(total.abs_diff(5 * THRESHOLD) <= 2 * TICK, "{total}");
    }

    #[test]
    fn many_short_sleeps_in_one_step_are_as_good_as_a_long_one() {
        let mut world = World { is_last: true, ..World::new() };
        world.next_step();
        for _ in 0..30 {
            world.pass(THRESHOLD / 10, Doing::Sleeping);
            world.computed += 50_000;
        }
        let [(when, Verdict::Blocked(_))] = world.verdicts[..] else { panic!("{:?}", world.verdicts) };
        assert!((THRESHOLD..=THRESHOLD + TICK).contains(&when), "after {when}");
    }

    #[test]
    fn a_step_that_is_seen_asleep_now_and_then_by_chance_is_not_blocked() {
        let mut world = World { is_last: true, ..World::new() };
        world.next_step();
        for _ in 0..100 {
            world.pass(30 * TICK, Doing::Queueing);
            world.computed += 50_000;
            world.now += TICK;
            world.look(true);
        }
        assert_eq!(world.verdicts, []);
    }

    #[test]
    fn a_step_below_the_threshold_is_never_reported() {
        let mut world = World::new();
        for _ in 0..100 {
            world.next_step();
            world.pass(THRESHOLD - TICK, Doing::Sleeping);
        }
        assert_eq!(world.verdicts, []);
    }

    #[test]
    fn a_hundred_thousand_short_steps_without_a_pause_are_never_reported() {
        let mut world = World::new();
        for _ in 0..100_000 {
            world.next_step();
            world.pass(50_000, Doing::Computing);
        }
        assert_eq!(world.verdicts, []);
    }

    #[test]
    fn a_step_that_waits_for_a_processor_is_not_blocked_however_long_that_takes() {
        let mut world = World::new();
        world.next_step();
        for _ in 0..1000 {
            world.pass(10 * TICK, Doing::Queueing);
            world.pass(80_000, Doing::Computing);
        }
        assert_eq!(world.verdicts, []);
    }

    #[test]
    fn a_step_that_computes_on_an_overloaded_machine_is_reported_for_what_it_computed() {
        let mut world = World::new();
        world.next_step();
        while world.verdicts.is_empty() {
            world.pass(3 * TICK, Doing::Queueing);
            world.pass(TICK, Doing::Computing);
        }
        assert!(world.computed.abs_diff(THRESHOLD) <= 2 * TICK);
        assert!(world.now > 3 * THRESHOLD);
    }

    #[test]
    fn of_short_steps_nothing_is_asked_that_costs_more_than_a_clock_and_nothing_of_rests() {
        struct Clock(u64);
        impl Inquiry for Clock {
            fn computed(&mut self) -> u64 {
                self.0 += 1;
                self.0
            }

            fn is_asleep(&mut self) -> bool {
                unreachable!("that costs more")
            }
        }
        let (mut stall, mut clock) = (Stall::new(THRESHOLD), Clock(0));
        for step in 1..100 {
            assert_eq!(stall.look(look_at(step * TICK, 2 * step), &mut clock), Verdict::Quiet);
        }
        for rest in 100..200 {
            assert_eq!(stall.look(look_at(rest * TICK, 2 * rest + 1), &mut clock), Verdict::Quiet);
        }
        assert_eq!(clock.0, 99);
    }

    #[test]
    fn a_step_that_waits_is_not_blocked_though_the_watchdog_too_comes_late() {
        let mut world = World { is_last: true, ..World::new() };
        for _ in 0..100 {
            world.next_step();
            world.look(false);
            world.now += 10 * TICK;
            world.look(false);
            world.pass(6 * TICK, Doing::Computing);
        }
        assert_eq!(world.verdicts, []);
    }

    #[test]
    fn a_loop_that_rests_is_never_blocked_and_after_a_while_needs_no_looks() {
        let mut world = World::new();
        world.beat = 1;
        world.pass(100 * THRESHOLD, Doing::Sleeping);
        assert_eq!(world.verdicts, []);
        assert_eq!(world.stall.next_look(), None);
        world.beat = 2;
        world.pass(TICK, Doing::Computing);
        assert_eq!(world.stall.next_look(), Some(TICK));
    }

    #[test]
    fn a_loop_that_has_put_off_its_alarm_needs_no_looks() {
        let mut stall = Stall::new(THRESHOLD);
        let mut nobody = Answers { computed: 0, is_asleep: false };
        stall.look(Look { is_put_off: true, ..look_at(0, 2) }, &mut nobody);
        assert_eq!(stall.next_look(), None);
        stall.look(look_at(TICK, 4), &mut nobody);
        assert_eq!(stall.next_look(), Some(TICK));
        stall.look(Look { is_last: true, ..look_at(2 * TICK, 6) }, &mut nobody);
        assert_eq!(stall.next_look(), Some(LONG_TICK));
    }

    #[test]
    fn a_process_that_was_stopped_for_an_hour_has_not_blocked_its_loop() {
        let mut world = World::new();
        world.next_step();
        world.pass(2 * TICK, Doing::Computing);
        world.now += 3_600_000_000_000;
        world.look(true);
        assert_eq!(world.verdicts, []);
        assert!(world.stall.counted <= SPEAKS_FOR + 2 * TICK);
    }

    #[test]
    fn each_block_is_told_once_and_the_next_one_again() {
        let mut world = World::new();
        for _ in 0..3 {
            world.next_step();
            world.pass(3 * THRESHOLD, Doing::Sleeping);
        }
        world.next_step();
        world.look(false);
        let blocked = world.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Blocked(_))).count();
        let over = world.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Over(_))).count();
        assert_eq!((blocked, over), (3, 3));
    }

    #[test]
    fn another_call_of_a_blocked_step_is_told_when_it_has_slept_for_a_threshold() {
        let mut world = World::new();
        world.next_step();
        world.pass(5 * THRESHOLD, Doing::Sleeping);
        for _ in 0..3 {
            world.pass(1_000_000, Doing::Computing);
            world.pass(3 * THRESHOLD, Doing::Sleeping);
        }
        for _ in 0..10 {
            world.pass(1_000_000, Doing::Computing);
            world.pass(THRESHOLD / 2, Doing::Sleeping);
        }
        world.pass(5 * THRESHOLD, Doing::Computing);
        let verdicts: Vec<Verdict> = world.verdicts.iter().map(|(_, verdict)| *verdict).collect();
        assert!(matches!(verdicts[0], Verdict::Blocked(_)), "{verdicts:?}");
        assert_eq!(verdicts[1..], [Verdict::Elsewhere; 3]);
    }

    #[test]
    fn the_next_look_comes_when_the_threshold_does() {
        let threshold = TICK / 2;
        let (mut stall, mut asleep) = (Stall::new(threshold), Answers { computed: 0, is_asleep: true });
        stall.look(look_at(0, 2), &mut asleep);
        assert_eq!(stall.next_look(), Some(threshold));
        assert_eq!(stall.look(look_at(threshold - 1, 2), &mut asleep), Verdict::Quiet);
        assert_eq!(stall.next_look(), Some(SHORTEST_TICK));
        assert_eq!(stall.look(look_at(threshold, 2), &mut asleep), Verdict::Blocked(threshold));
        assert_eq!(stall.next_look(), Some(TICK));
    }
}
