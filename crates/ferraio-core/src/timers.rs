//! Timers: which is due next, and which are due now.
//!
//! A 4-ary heap ordered by (deadline, order of arrival): timers with the same deadline come out as they came in. Four
//! children keep the heap flat, and all of them are neighbours in memory. A cancelled timer stays inside until it
//! surfaces; when most of a large heap is cancelled, the caller is told to sweep it. Nothing here reads the clock, and
//! nothing here drops a timer that the caller could not drop itself, since dropping may run foreign code.

use crate::sys::prefetch::{LINE, prefetch};

/// Timers of type `T`, earliest first.
pub struct Timers<T> {
    /// The heap: the children of entry `i` are entries `4 * i + 1` to `4 * i + 4`, and none is earlier than `i`.
    heap: Vec<Entry<T>>,
    /// How many timers were ever inserted: the next one's place among those with the same deadline.
    arrivals: u64,
    /// How many timers in the heap are known to be cancelled.
    cancelled: usize,
}

/// What is left to do after a timer was cancelled.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterCancel {
    /// Most of a large heap is cancelled: call [`Timers::sweep`].
    Sweep,
    /// Nothing: the timer disappears when it surfaces.
    Leave,
}

struct Entry<T> {
    key: Key,
    timer: T,
}

/// Deadline and order of arrival as one number, the deadline in the upper half: compared without a branch, which the
/// processor could not foresee.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    /// The key of a timer; NaN counts as the earliest deadline of all, and both zeros are the same.
    fn new(when: f64, arrival: u64) -> Self {
        let when = if when.is_nan() { f64::NEG_INFINITY } else { when + 0.0 };
        Key(u128::from(ordered(when.to_bits())) << 64 | u128::from(arrival))
    }

    fn when(self) -> f64 {
        let bits = (self.0 >> 64) as u64;
        f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN })
    }
}

/// Numbers in the order of the floats whose bits are given: negative ones have all their bits turned.
fn ordered(bits: u64) -> u64 {
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

const SIGN: u64 = 1 << 63;

impl<T> Timers<T> {
    /// Creates an empty heap, without allocating.
    pub const fn new() -> Self {
        Self { heap: Vec::new(), arrivals: 0, cancelled: 0 }
    }

    /// Counts the timers, cancelled ones included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Tells whether there is no timer at all.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Adds a timer that is due at `when`, in seconds. One that is due at NaN is due at once, as in asyncio.
    pub fn insert(&mut self, when: f64, timer: T) {
        let key = Key::new(when, self.arrivals);
        self.arrivals += 1;
        self.heap.push(Entry { key, timer });
        self.sift_up(self.heap.len() - 1);
    }

    /// Shows the earliest timer and when it is due.
    pub fn peek(&self) -> Option<(f64, &T)> {
        self.heap.first().map(|entry| (entry.key.when(), &entry.timer))
    }

    /// Takes the earliest timer.
    pub fn pop(&mut self) -> Option<(f64, T)> {
        if self.heap.is_empty() {
            return None;
        }
        let entry = self.heap.swap_remove(0);
        // What was last belongs near the end: it goes down without being compared, then up to its place.
        let mut place = 0;
        while let Some(child) = self.earliest_child(place) {
            self.prefetch_below(place);
            self.heap.swap(place, child);
            place = child;
        }
        self.sift_up(place);
        Some((entry.key.when(), entry.timer))
    }

    /// Takes the earliest timer if it is due at `now` or before.
    pub fn pop_due(&mut self, now: f64) -> Option<T> {
        match self.heap.first() {
            Some(entry) if entry.key.when() <= now => self.pop().map(|(_, timer)| timer),
            _ => None,
        }
    }

    /// Counts one of the timers in the heap as cancelled.
    pub fn note_cancelled(&mut self) -> AfterCancel {
        self.cancelled += 1;
        let most_are_cancelled = self.cancelled * 2 > self.heap.len();
        if self.heap.len() > SWEEP_FROM && most_are_cancelled { AfterCancel::Sweep } else { AfterCancel::Leave }
    }

    /// Tells whether there may be cancelled timers in the heap.
    pub fn some_are_cancelled(&self) -> bool {
        self.cancelled > 0
    }

    /// Forgets one cancelled timer: it surfaced and was popped.
    pub fn note_removed_cancelled(&mut self) {
        self.cancelled = self.cancelled.saturating_sub(1);
    }

    /// Removes the timers that are not `alive`, and returns them, so that the caller drops them when it likes.
    pub fn sweep(&mut self, mut alive: impl FnMut(&T) -> bool) -> Vec<T> {
        let removed = self.heap.extract_if(.., |entry| !alive(&entry.timer)).map(|entry| entry.timer).collect();
        self.cancelled = 0;
        self.restore_order();
        removed
    }

    /// Visits all timers, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (f64, &T)> {
        self.heap.iter().map(|entry| (entry.key.when(), &entry.timer))
    }

    /// Takes all timers, in no particular order.
    pub fn take_all(&mut self) -> Vec<T> {
        self.cancelled = 0;
        std::mem::take(&mut self.heap).into_iter().map(|entry| entry.timer).collect()
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.heap[parent].key < self.heap[place].key {
                break;
            }
            self.heap.swap(place, parent);
            place = parent;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        while let Some(child) = self.earliest_child(place) {
            if self.heap[place].key < self.heap[child].key {
                break;
            }
            self.heap.swap(place, child);
            place = child;
        }
    }

    fn earliest_child(&self, place: usize) -> Option<usize> {
        let first = place * CHILDREN + 1;
        let children = self.heap.get(first..)?;
        let key = |child: usize| (children[child].key, child);
        if children.len() >= CHILDREN {
            return Some(first + key(0).min(key(1)).min(key(2).min(key(3))).1);
        }
        (0..children.len()).map(key).min().map(|(_, child)| first + child)
    }

    /// Going down is one wait for memory after another, if nobody asks in advance: for the grandchildren, all neighbours.
    #[inline(always)]
    fn prefetch_below(&self, place: usize) {
        let first = (place * CHILDREN + 1) * CHILDREN + 1;
        if first < self.heap.len() {
            prefetch(self.heap.as_ptr().wrapping_add(first), CHILDREN * CHILDREN * size_of::<Entry<T>>() / LINE);
        }
    }

    fn restore_order(&mut self) {
        let parents = self.heap.len().div_ceil(CHILDREN);
        for place in (0..parents).rev() {
            self.sift_down(place);
        }
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

const CHILDREN: usize = 4;

/// Smaller heaps are not worth sweeping; asyncio's number.
const SWEEP_FROM: usize = 100;

#[cfg(test)]
mod tests {
    use super::{AfterCancel, SWEEP_FROM, Timers};

    #[test]
    fn timers_with_the_same_deadline_come_out_as_they_came_in() {
        let mut timers = Timers::new();
        for name in 0..50 {
            timers.insert(1.0, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| timers.pop_due(1.0)).collect();
        assert!(order.into_iter().eq(0..50));
    }

    #[test]
    fn a_timer_is_due_at_its_deadline_and_not_before() {
        let mut timers = Timers::new();
        timers.insert(2.0, "timer");
        assert_eq!(timers.pop_due(2.0_f64.next_down()), None);
        assert_eq!(timers.pop_due(2.0), Some("timer"));
        assert_eq!(timers.pop_due(2.0), None);
    }

    #[test]
    fn strange_deadlines_stay_in_order() {
        let mut timers = Timers::new();
        for (when, name) in
            [(f64::INFINITY, "never"), (0.0, "zero"), (-0.0, "minus zero"), (f64::NAN, "nan"), (-1.0, "past")]
        {
            timers.insert(when, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| timers.pop_due(f64::MAX)).collect();
        assert_eq!(order, ["nan", "past", "zero", "minus zero"]);
        assert_eq!(timers.peek(), Some((f64::INFINITY, &"never")));
    }

    #[test]
    fn a_small_heap_is_never_swept() {
        let mut timers = Timers::new();
        for name in 0..SWEEP_FROM {
            timers.insert(1.0, name);
        }
        for _ in 0..SWEEP_FROM {
            assert_eq!(timers.note_cancelled(), AfterCancel::Leave);
        }
    }

    #[test]
    fn a_large_heap_is_swept_when_more_than_half_is_cancelled() {
        let mut timers = Timers::new();
        for name in 0..200 {
            timers.insert(f64::from(name), name);
        }
        for _ in 0..100 {
            assert_eq!(timers.note_cancelled(), AfterCancel::Leave);
        }
        assert_eq!(timers.note_cancelled(), AfterCancel::Sweep);
        let removed = timers.sweep(|name| *name > 100);
        assert_eq!(removed.len(), 101);
        assert_eq!(timers.len(), 99);
        assert_eq!(timers.note_cancelled(), AfterCancel::Leave);
    }

    #[test]
    fn a_cancelled_timer_that_surfaced_no_longer_counts() {
        let mut timers = Timers::new();
        for name in 0..202 {
            timers.insert(f64::from(name), name);
        }
        for _ in 0..101 {
            assert_eq!(timers.note_cancelled(), AfterCancel::Leave);
        }
        timers.pop();
        timers.note_removed_cancelled();
        assert_eq!(timers.note_cancelled(), AfterCancel::Sweep);
    }
}
