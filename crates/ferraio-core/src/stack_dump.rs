//! Asks a thread of this process for its stack while it cannot be stopped in any other way.
//!
//! A signal makes the thread run a handler, which writes the stack into a pipe; whose handler that is, and what it
//! writes, is not our business. Programs may close any fd (to become a daemon, say), and numbers are used again: so
//! before each signal we make sure that both ends are still ours.

use std::fs;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use crate::sys::{signal, wake_channel};

/// How long the answer may take: on a busy machine the thread has to wait for a processor first.
const PATIENCE: Duration = Duration::from_millis(500);

/// The pipe that a handler writes to, and the signal that makes it write.
pub struct StackDump {
    signal: i32,
    /// Never closed, because the handler may always write.
    reader: ManuallyDrop<fs::File>,
    writer: ManuallyDrop<OwnedFd>,
    /// What the kernel calls the pipe.
    inode: u64,
}

impl StackDump {
    /// Creates the pipe, and finds a signal that nobody uses.
    pub fn new() -> io::Result<Self> {
        let signal = signal::unused().ok_or(io::ErrorKind::AddrInUse)?;
        let (reader, writer) = wake_channel::pipe()?;
        let reader = fs::File::from(reader);
        let inode = reader.metadata()?.ino();
        Ok(Self { signal, reader: ManuallyDrop::new(reader), writer: ManuallyDrop::new(writer), inode })
    }

    /// The signal whose handler has to be installed.
    pub fn signal(&self) -> i32 {
        self.signal
    }

    /// Where the handler has to write.
    pub fn writer(&self) -> RawFd {
        self.writer.as_raw_fd()
    }

    /// Has the thread with this number write its stack; returns what came until it was complete, or nothing more came.
    pub fn ask(&self, thread: i32, is_complete: impl Fn(&str) -> bool) -> Option<String> {
        if !self.is_ours() || !self.drain(&mut Vec::new()) || !signal::send(thread, self.signal) {
            return None;
        }
        let mut dump = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if !self.drain(&mut dump) {
                return None;
            }
            let text = String::from_utf8_lossy(&dump);
            if is_complete(&text) || Instant::now() >= deadline {
                return (!dump.is_empty()).then(|| text.into_owned());
            }
            signal::wait_readable(self.reader.as_fd(), Duration::from_millis(1));
        }
    }

    fn is_ours(&self) -> bool {
        [self.reader.as_raw_fd(), self.writer.as_raw_fd()]
            .iter()
            .all(|fd| fs::metadata(format!("/proc/self/fd/{fd}")).is_ok_and(|found| found.ino() == self.inode))
    }

    /// Takes out what there is; tells whether that was possible.
    fn drain(&self, into: &mut Vec<u8>) -> bool {
        match (&*self.reader).read_to_end(into) {
            Ok(_) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::StackDump;

    #[test]
    fn a_pipe_that_somebody_closed_is_left_alone() {
        let mut dump = StackDump::new().expect("a pipe");
        dump.inode += 1;
        // The signal has no handler: were it sent, this process would end.
        assert_eq!(dump.ask(crate::activity::thread_number(), |_| true), None);
    }
}
