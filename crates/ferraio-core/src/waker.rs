//! The waker: ends a wait from another thread.
//!
//! An fd that the loop watches for reading; to wake is to write to it. An eventfd on Linux, a pipe elsewhere, both
//! non-blocking: one that is full already wakes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use crate::sys::wake_channel;

/// Wakes whoever waits until its fd is readable.
pub struct Waker {
    /// What the loop watches.
    receiver: File,
    /// What a wake-up is written to; with an eventfd, the receiver itself.
    sender: Option<File>,
}

impl Waker {
    /// Creates a waker of the platform's own kind.
    pub fn new() -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return Ok(Self { receiver: File::from(wake_channel::eventfd()?), sender: None });
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        return Self::from_pipe();
    }

    /// Creates a waker of the kind that every platform has.
    pub fn from_pipe() -> io::Result<Self> {
        let (receiver, sender) = wake_channel::pipe()?;
        Ok(Self { receiver: File::from(receiver), sender: Some(File::from(sender)) })
    }

    /// Ends the current wait, or the next one if nobody waits. Any thread may call it.
    pub fn wake(&self) {
        let mut sender = self.sender.as_ref().unwrap_or(&self.receiver);
        // Eight bytes, because an eventfd takes nothing else. The only other error is `WouldBlock`: it is full, so the
        // fd is readable already.
        while let Err(error) = sender.write(&1_u64.to_ne_bytes())
            && error.kind() == io::ErrorKind::Interrupted
        {}
    }

    /// Forgets all wake-ups so far.
    pub fn drain(&self) {
        let mut receiver = &self.receiver;
        let mut wake_ups = [0; 512];
        loop {
            match receiver.read(&mut wake_ups) {
                // An eventfd gives eight bytes, and is then empty; a pipe with less than we have room for is empty, too.
                Ok(size) if size < wake_ups.len() => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// The fd to watch for reading. It stays the waker's.
    pub fn fd(&self) -> RawFd {
        self.receiver.as_raw_fd()
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
    }
}
