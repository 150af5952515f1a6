//! Several datagrams by one system call, where there is one for it: `recvmmsg`.

use std::io;
use std::os::fd::RawFd;

use crate::address::Address;

/// Receives into each of `rooms` in turn, and notes address and length of each datagram; returns how many there were, at
/// least one. It does not wait, whatever the mode of the socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn recv_many<const N: usize>(
    fd: RawFd,
    rooms: [&mut [u8]; N],
    from: &mut [Address; N],
    lengths: &mut [usize; N],
) -> io::Result<usize> {
    use super::checked;

    // SAFETY: all of their fields may be zero: no address, no memory, no control data, no flags.
    let (mut slices, mut messages): ([libc::iovec; N], [libc::mmsghdr; N]) = unsafe { std::mem::zeroed() };
    for (((room, from), slice), message) in rooms.into_iter().zip(&mut *from).zip(&mut slices).zip(&mut messages) {
        *slice = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        let (address, length) = from.room();
        // SAFETY: `room` has just written the length.
        message.msg_hdr.msg_namelen = unsafe { *length };
        message.msg_hdr.msg_name = address.cast();
        message.msg_hdr.msg_iov = slice;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the messages point to addresses and memory that are writable in their whole lengths until the call returns.
    let count =
        unsafe { libc::recvmmsg(fd, messages.as_mut_ptr(), N as _, libc::MSG_DONTWAIT as _, std::ptr::null_mut()) };
    let count = checked(count)? as usize;
    for ((message, from), length) in messages[..count].iter().zip(from).zip(lengths) {
        from.set_len(message.msg_hdr.msg_namelen);
        *length = message.msg_len as usize;
    }
    Ok(count)
}

/// The same, one at a time.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn recv_many<const N: usize>(
    fd: RawFd,
    rooms: [&mut [u8]; N],
    from: &mut [Address; N],
    lengths: &mut [usize; N],
) -> io::Result<usize> {
    for ((room, from), length) in rooms.into_iter().zip(from).zip(lengths).take(1) {
        *length = super::socket::recv_from(fd, room, from)?;
    }
    Ok(1)
}
