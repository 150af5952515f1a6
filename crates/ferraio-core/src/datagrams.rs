//! Room for a burst of datagrams, which one system call can fill, and from which they are taken one by one.
//!
//! Only for sockets of the internet: their datagrams are never longer than [`LONGEST`]. The memory comes from the system
//! when it is touched, so what is never used costs nothing.

use std::io;
use std::os::fd::RawFd;

use crate::address::Address;
use crate::socket::{Io, attempt};
use crate::sys::datagrams as sys;

/// How many datagrams there is room for.
pub const MOST: usize = 16;

/// No datagram of the internet is longer: its length has 16 bits.
const LONGEST: usize = 65_535;

/// From one room to the next: the beginnings lie in different sets of the processor's caches.
const STRIDE: usize = LONGEST + 1 + 17 * 64;

/// The room, and what was received into it last.
pub struct Datagrams {
    /// A room for each datagram, [`STRIDE`] apart.
    memory: Box<[u8]>,
    /// Where each came from.
    from: [Address; MOST],
    /// How long each is.
    lengths: [usize; MOST],
    /// How many were received last, and how many of them are taken.
    count: usize,
    taken: usize,
}

impl Datagrams {
    /// Makes room.
    pub fn new() -> Self {
        let memory = vec![0; MOST * STRIDE].into_boxed_slice();
        Self { memory, from: [const { Address::none() }; MOST], lengths: [0; MOST], count: 0, taken: 0 }
    }

    /// Receives what there is, at most [`MOST`], in place of what was received before; `Done` says how many. Less than
    /// that means that there was no more, where the system can tell. An error that comes after a datagram is told by the
    /// next call.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<Io<usize>> {
        (self.count, self.taken) = (0, 0);
        let Self { memory, from, lengths, count, .. } = self;
        let outcome = attempt(|| {
            let mut rooms = memory.chunks_exact_mut(STRIDE);
            let rooms = [(); MOST].map(|()| rooms.next().expect("MOST rooms"));
            sys::recv_many(fd, rooms, from, lengths)
        })?;
        if let Io::Done(received) = outcome {
            *count = received;
        }
        Ok(outcome)
    }

    /// Takes the first that is left: its bytes, and where it comes from.
    pub fn take(&mut self) -> Option<(&[u8], &Address)> {
        let index = self.taken;
        if index == self.count {
            return None;
        }
        self.taken += 1;
        let begin = index * STRIDE;
        Some((&self.memory[begin..begin + self.lengths[index]], &self.from[index]))
    }
}

impl Default for Datagrams {
    fn default() -> Self {
        Self::new()
    }
}
