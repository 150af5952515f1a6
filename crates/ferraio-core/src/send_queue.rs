//! Bytes that wait to be sent, in chunks that the caller owns.
//!
//! The queue never copies: it keeps the chunks (`bytes` objects, for example) and how much of each is sent. A chunk
//! that is wholly sent is handed back rather than dropped here, because dropping may run foreign code while the queue is
//! borrowed.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Chunks of type `C`, oldest first.
pub struct SendQueue<C> {
    /// The chunks that are not wholly sent; empty ones stay among them until an [`advance`](Self::advance) passes them.
    chunks: VecDeque<Chunk<C>>,
    /// How many bytes of all chunks are not sent yet.
    len: usize,
}

struct Chunk<C> {
    owner: C,
    /// How many of its bytes are sent.
    sent: usize,
}

/// The chunks that an [`advance`](SendQueue::advance) finished: drop them when nothing is borrowed.
#[must_use = "drop the chunks when nothing is borrowed"]
pub struct Finished<C> {
    /// Most often there is at most one, and so no allocation.
    first: Option<C>,
    rest: Vec<C>,
}

impl<C: AsRef<[u8]>> SendQueue<C> {
    /// Creates an empty queue, without allocating.
    pub const fn new() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }

    /// Tells whether all bytes are sent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts the bytes that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: C) {
        self.push_from(chunk, 0);
    }

    /// Appends a chunk of which the first `offset` bytes are sent already.
    pub fn push_from(&mut self, chunk: C, offset: usize) {
        let size = chunk.as_ref().len();
        self.len += size.checked_sub(offset).expect("no more than the whole chunk was sent");
        self.chunks.push_back(Chunk { owner: chunk, sent: offset });
    }

    /// Fills `out` with the oldest unsent bytes, and returns the part that it filled.
    pub fn io_slices<'queue, 'out>(&'queue self, out: &'out mut [IoSlice<'queue>]) -> &'out [IoSlice<'queue>] {
        let mut filled = 0;
        for (place, bytes) in out.iter_mut().zip(self.unsent()) {
            *place = IoSlice::new(bytes);
            filled += 1;
        }
        &out[..filled]
    }

    /// Shows the oldest unsent bytes that lie together.
    pub fn front(&self) -> Option<&[u8]> {
        self.unsent().next()
    }

    /// Counts the next `n` bytes as sent, and returns the chunks that are finished.
    pub fn advance(&mut self, n: usize) -> Finished<C> {
        self.len = self.len.checked_sub(n).expect("no more was sent than was waiting");
        let mut finished = Finished { first: None, rest: Vec::new() };
        let mut n = n;
        while let Some(chunk) = self.chunks.front_mut() {
            let unsent = chunk.unsent().len();
            if n < unsent {
                chunk.sent += n;
                break;
            }
            n -= unsent;
            finished.add(self.chunks.pop_front());
        }
        finished
    }

    /// Takes all chunks, sent in part or not at all; the queue is empty afterwards.
    pub fn take_all(&mut self) -> Vec<C> {
        self.len = 0;
        std::mem::take(&mut self.chunks).into_iter().map(|chunk| chunk.owner).collect()
    }

    /// Visits the chunks that are not wholly sent.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        self.chunks.iter().map(|chunk| &chunk.owner)
    }

    /// Visits the bytes that are not sent, oldest first.
    pub fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(Chunk::unsent).filter(|bytes| !bytes.is_empty())
    }
}

impl<C: AsRef<[u8]>> Chunk<C> {
    fn unsent(&self) -> &[u8] {
        &self.owner.as_ref()[self.sent..]
    }
}

impl<C: AsRef<[u8]>> Default for SendQueue<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Finished<C> {
    fn add(&mut self, chunk: Option<Chunk<C>>) {
        let owner = chunk.map(|chunk| chunk.owner);
        match self.first {
            None => self.first = owner,
            Some(_) => self.rest.extend(owner),
        }
    }
}

impl<C> IntoIterator for Finished<C> {
    type Item = C;
    type IntoIter = std::iter::Chain<std::option::IntoIter<C>, std::vec::IntoIter<C>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}
