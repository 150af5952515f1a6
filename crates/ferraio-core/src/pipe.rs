//! Operations on what is read and written like a pipe, one system call each, as those on [sockets](crate::socket) are.

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use crate::socket::{Io, attempt};
use crate::sys::{pipe as sys, socket::MAX_SLICES};

/// What an fd refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pipe.
    Pipe,
    /// A pipe with a name in the file system, where the kernel does not tell its writer that nobody reads any more: macOS.
    SilentFifo,
    /// A socket.
    Socket,
    /// A terminal or another device that is read and written byte by byte.
    Device,
    /// A file, a directory, a disk: always ready, as far as the kernel is concerned.
    Other,
}

/// Tells what `fd` refers to.
pub fn kind(fd: RawFd) -> io::Result<Kind> {
    sys::kind(fd)
}

/// Has operations on `fd` not wait from now on, in all processes that share it.
pub fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    sys::set_nonblocking(fd)
}

/// Reads into `buf`; `Done(0)` is the end, unless `buf` is empty.
pub fn read(fd: RawFd, buf: &mut [u8]) -> io::Result<Io<usize>> {
    attempt(|| sys::read(fd, buf))
}

/// Writes the beginning of `buf`, as much as there is room for. If nobody reads any more, it is `EPIPE`, and `SIGPIPE`
/// unless that is ignored.
pub fn write(fd: RawFd, buf: &[u8]) -> io::Result<Io<usize>> {
    attempt(|| sys::write(fd, buf))
}

/// Writes the beginning of `bufs` in one go, like [`write`]; uses at most as many slices as the kernel takes at once.
pub fn write_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<Io<usize>> {
    let bufs = &bufs[..bufs.len().min(MAX_SLICES)];
    attempt(|| sys::write_vectored(fd, bufs))
}
