//! The system calls behind `socket.rs`.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
#[cfg(target_vendor = "apple")]
use std::os::fd::AsRawFd;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};

use super::{checked, checked_size};
use crate::address::Address;

/// How many slices one call may take: `IOV_MAX` of Linux, macOS and the BSDs.
pub(crate) const MAX_SLICES: usize = 1024;

/// A peer that is gone is an error, not a signal. Where the flag is missing, Python has SIGPIPE ignored.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: libc::c_int = 0;

pub(crate) fn recv(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `buf` is writable in its whole length.
    checked_size(unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), 0) })
}

pub(crate) fn recv_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: `buf` is writable in its whole length, and the kernel does not read it.
    checked_size(unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), 0) })
}

pub(crate) fn send(fd: RawFd, buf: &[u8]) -> io::Result<usize> {
    // SAFETY: `buf` is readable in its whole length.
    checked_size(unsafe { libc::send(fd, buf.as_ptr().cast(), buf.len(), SEND_FLAGS) })
}

pub(crate) fn send_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: all of its fields may be zero: no address, no slices, no control data, no flags.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` is an `iovec` in memory; the kernel only reads it.
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len() as _;
    // SAFETY: `message` points to `bufs`, which are readable in their whole lengths until the call returns.
    checked_size(unsafe { libc::sendmsg(fd, &raw const message, SEND_FLAGS) })
}

pub(crate) fn recv_from(fd: RawFd, buf: &mut [u8], from: &mut Address) -> io::Result<usize> {
    let (address, length) = from.room();
    // SAFETY: `buf` is writable in its whole length, and the address as far as the length says.
    checked_size(unsafe { libc::recvfrom(fd, buf.as_mut_ptr().cast(), buf.len(), 0, address, length) })
}

pub(crate) fn send_to(fd: RawFd, buf: &[u8], to: &Address) -> io::Result<usize> {
    let address = to.as_bytes();
    let (pointer, length) = (address.as_ptr().cast(), address.len() as libc::socklen_t);
    // SAFETY: `buf` and the address are readable in their whole lengths, and the address is aligned as the kernel's own.
    checked_size(unsafe { libc::sendto(fd, buf.as_ptr().cast(), buf.len(), SEND_FLAGS, pointer, length) })
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn accept(fd: RawFd, from: &mut Address) -> io::Result<OwnedFd> {
    let (address, length) = from.room();
    // SAFETY: the address is writable as far as the length says.
    let connection = checked(unsafe { libc::accept4(fd, address, length, libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) })?;
    // SAFETY: the fd is new, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(connection) })
}

#[cfg(target_vendor = "apple")]
pub(crate) fn accept(fd: RawFd, from: &mut Address) -> io::Result<OwnedFd> {
    let (address, length) = from.room();
    // SAFETY: the address is writable as far as the length says.
    let connection = checked(unsafe { libc::accept(fd, address, length) })?;
    // SAFETY: the fd is new, and nobody else knows it.
    let connection = unsafe { OwnedFd::from_raw_fd(connection) };
    // SAFETY: the fd is open, and no memory is involved.
    checked(unsafe { libc::fcntl(connection.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    super::pipe::set_nonblocking(connection.as_raw_fd())?;
    Ok(connection)
}

pub(crate) fn local_address(fd: RawFd) -> io::Result<Address> {
    let mut local = Address::none();
    let (address, length) = local.room();
    // SAFETY: the address is writable as far as the length says.
    checked(unsafe { libc::getsockname(fd, address, length) })?;
    Ok(local)
}

pub(crate) fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the fd was ours, and is given away: nobody closes it again. No memory is involved.
    checked(unsafe { libc::close(fd.into_raw_fd()) }).map(drop)
}

pub(crate) fn shutdown_write(fd: RawFd) -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::shutdown(fd, libc::SHUT_WR) }).map(drop)
}

/// Reads an option that is an integer.
pub(crate) fn option(fd: RawFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `value` is writable, and `length` is its size.
    checked(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut length) })?;
    Ok(value)
}

/// Sets an option that is an integer.
pub(crate) fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `value` is readable, and `length` is its size.
    checked(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) }).map(drop)
}
