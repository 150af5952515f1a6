//! A ring: what comes in at the end comes out at the front, in order.
//!
//! It does what `VecDeque` does, but an entry is made in the place where it will lie. `push_back` has its argument ready
//! on the stack before it looks whether there is room; a processor that has just written two words there waits when they
//! are copied as one, for longer than all else that pushing takes.

/// A queue in a buffer that goes round.
pub struct Ring<T> {
    /// A power of two of places, or none; the `length` ones from `first` on hold an entry.
    places: Box<[Option<T>]>,
    first: usize,
    length: usize,
}

impl<T> Ring<T> {
    /// Creates an empty ring, without allocating.
    pub fn new() -> Self {
        Self { places: Box::new([]), first: 0, length: 0 }
    }

    /// Counts the entries.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds what `make` gives to the end.
    #[inline]
    pub fn push(&mut self, make: impl FnOnce() -> T) {
        if self.length == self.places.len() {
            self.grow();
        }
        let place = self.place(self.length);
        // Nothing is there that would have to be dropped between making the entry and putting it in place.
        std::mem::forget(self.places[place].replace(make()));
        self.length += 1;
    }

    /// Takes the first entry.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.length == 0 {
            return None;
        }
        let place = self.first;
        self.first = self.place(1);
        self.length -= 1;
        self.places[place].take()
    }

    /// Shows the entry that will be first when `ahead` others were taken.
    #[inline]
    pub fn get(&self, ahead: usize) -> Option<&T> {
        if ahead < self.length { self.places[self.place(ahead)].as_ref() } else { None }
    }

    /// Visits all entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.length).filter_map(|ahead| self.get(ahead))
    }

    fn place(&self, ahead: usize) -> usize {
        (self.first + ahead) & self.places.len().wrapping_sub(1)
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.places.len() * 2).max(SMALLEST);
        self.places.rotate_left(self.first);
        let entries = std::mem::take(&mut self.places).into_iter();
        self.places = entries.chain(std::iter::repeat_with(|| None)).take(capacity).collect();
        self.first = 0;
    }
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many places the first buffer has.
const SMALLEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Ring, SMALLEST};

    #[test]
    fn what_comes_in_first_comes_out_first_while_the_ring_goes_round_and_grows() {
        let mut ring = Ring::new();
        let (mut next_in, mut next_out) = (0, 0);
        for turn in 0..200 {
            for _ in 0..turn % 7 {
                ring.push(|| next_in);
                next_in += 1;
            }
            assert_eq!(ring.len(), next_in - next_out);
            assert!(ring.iter().copied().eq(next_out..next_in));
            for _ in 0..turn % 5 {
                let expected = (next_out < next_in).then_some(next_out);
                assert_eq!(ring.get(0).copied(), expected);
                assert_eq!(ring.pop(), expected);
                next_out += usize::from(expected.is_some());
            }
        }
        assert!(next_in - next_out > SMALLEST, "it has grown");
        assert!(!ring.is_empty() && ring.get(ring.len()).is_none());
    }

    #[test]
    fn an_entry_lives_as_long_as_it_is_in_the_ring() {
        let entry = std::rc::Rc::new(());
        let mut ring = Ring::new();
        for _ in 0..40 {
            ring.push(|| entry.clone());
        }
        drop(ring.pop());
        assert_eq!(std::rc::Rc::strong_count(&entry), 40);
        drop(ring);
        assert_eq!(std::rc::Rc::strong_count(&entry), 1);
    }
}
