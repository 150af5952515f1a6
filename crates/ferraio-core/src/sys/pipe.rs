//! The system calls behind `pipe.rs`.

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use super::{checked, checked_size};
use crate::pipe::Kind;

pub(crate) fn kind(fd: RawFd) -> io::Result<Kind> {
    // SAFETY: all of its fields may be zero.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` is writable.
    checked(unsafe { libc::fstat(fd, &raw mut status) })?;
    Ok(match status.st_mode & libc::S_IFMT {
        // There, pipes without a name have no links.
        libc::S_IFIFO if cfg!(target_vendor = "apple") && status.st_nlink > 0 => Kind::SilentFifo,
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        libc::S_IFCHR => Kind::Device,
        _ => Kind::Other,
    })
}

pub(crate) fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    let mut on: libc::c_int = 1;
    // SAFETY: `on` is readable.
    checked(unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut on) }).map(drop)
}

pub(crate) fn read(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `buf` is writable in its whole length.
    checked_size(unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) })
}

pub(crate) fn write(fd: RawFd, buf: &[u8]) -> io::Result<usize> {
    // SAFETY: `buf` is readable in its whole length.
    checked_size(unsafe { libc::write(fd, buf.as_ptr().cast(), buf.len()) })
}

pub(crate) fn write_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: `IoSlice` is an `iovec` in memory, and all of them are readable in their whole lengths.
    checked_size(unsafe { libc::writev(fd, bufs.as_ptr().cast(), bufs.len() as libc::c_int) })
}
