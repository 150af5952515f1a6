//! Operations on non-blocking sockets, one system call each.
//!
//! They answer [`Io::Done`], or [`Io::Later`] if the fd is not ready. A call that a signal interrupted is repeated. The
//! fd stays the caller's, who knows that it is open; on a closed one they fail with `EBADF`.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};

use crate::address::Address;
use crate::sys::socket as sys;

/// The outcome of an operation that does not wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Io<T> {
    /// It happened.
    Done(T),
    /// The fd is not ready: try again when it is.
    Later,
}

/// Receives into `buf`; `Done(0)` is the end of the stream, unless `buf` is empty.
pub fn recv(fd: RawFd, buf: &mut [u8]) -> io::Result<Io<usize>> {
    attempt(|| sys::recv(fd, buf))
}

/// Receives like [`recv`]; the first so many bytes are initialized then.
pub fn recv_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<Io<usize>> {
    attempt(|| sys::recv_uninit(fd, buf))
}

/// Sends the beginning of `buf`, as much as there is room for. A peer that is gone is `EPIPE`, never a signal.
pub fn send(fd: RawFd, buf: &[u8]) -> io::Result<Io<usize>> {
    attempt(|| sys::send(fd, buf))
}

/// Sends the beginning of `bufs` in one go, like [`send`]; uses at most as many slices as the kernel takes at once.
pub fn send_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<Io<usize>> {
    let bufs = &bufs[..bufs.len().min(sys::MAX_SLICES)];
    attempt(|| sys::send_vectored(fd, bufs))
}

/// Receives one datagram, of which what has no room in `buf` is lost; writes down where it comes from.
pub fn recv_from(fd: RawFd, buf: &mut [u8], from: &mut Address) -> io::Result<Io<usize>> {
    attempt(|| sys::recv_from(fd, buf, from))
}

/// Sends one datagram, wholly or not at all.
pub fn send_to(fd: RawFd, buf: &[u8], to: &Address) -> io::Result<Io<usize>> {
    attempt(|| sys::send_to(fd, buf, to))
}

/// Accepts one connection, and writes down where it comes from; it is non-blocking, and closed in child processes.
pub fn accept(fd: RawFd, from: &mut Address) -> io::Result<Io<OwnedFd>> {
    attempt(|| sys::accept(fd, from))
}

/// The address that the socket has on this side.
pub fn local_address(fd: RawFd) -> io::Result<Address> {
    sys::local_address(fd)
}

/// Sends small pieces at once, rather than collecting them.
pub fn set_nodelay(fd: RawFd) -> io::Result<()> {
    sys::set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Tells the peer that nothing more comes.
pub fn shutdown_write(fd: RawFd) -> io::Result<()> {
    sys::shutdown_write(fd)
}

/// Takes the error that waits on the socket, such as the reason why a connection failed.
pub fn take_error(fd: RawFd) -> io::Result<Option<io::Error>> {
    let code = sys::option(fd, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok((code != 0).then(|| io::Error::from_raw_os_error(code)))
}

/// Closes it. That the peer was faster is no error; that somebody has closed the fd before is one.
pub fn close(fd: OwnedFd) -> io::Result<()> {
    match sys::close(fd) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        outcome => outcome,
    }
}

/// Makes a system call that does not wait, again if a signal interrupted it.
pub(crate) fn attempt<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<Io<T>> {
    loop {
        match call() {
            Ok(value) => return Ok(Io::Done(value)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Io::Later),
            Err(error) => return Err(error),
        }
    }
}
