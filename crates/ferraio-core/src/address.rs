//! The address of a socket, in the kernel's own form: what `recv_from` gives and `send_to` takes.
//!
//! Internet and Unix addresses can be taken apart and put together here; of other families it is known only that there
//! is something. An address compares by its bytes.

use std::mem::{offset_of, size_of};
use std::net::{Ipv4Addr, Ipv6Addr};

use libc::{sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un};

/// An address, or none.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Address {
    bytes: [u8; size_of::<sockaddr_storage>()],
    len: u32,
}

/// What an address says.
#[derive(Debug, PartialEq, Eq)]
pub enum Parts<'a> {
    /// The sender has none.
    Nothing,
    /// IPv4.
    V4(Ipv4Addr, u16),
    /// IPv6, with flow information and scope as numbers of this machine's byte order.
    V6(Ipv6Addr, u16, u32, u32),
    /// A path, or a name that begins with NUL.
    Unix(&'a [u8]),
    /// One of another family.
    Other,
}

impl Address {
    /// No address: room for the kernel to write one.
    pub const fn none() -> Self {
        Address { bytes: [0; size_of::<sockaddr_storage>()], len: 0 }
    }

    /// An IPv4 address.
    pub fn v4(ip: Ipv4Addr, port: u16) -> Self {
        let mut address = Address::of_family(libc::AF_INET, size_of::<sockaddr_in>());
        address.put(offset_of!(sockaddr_in, sin_port), port.to_be_bytes());
        address.put(offset_of!(sockaddr_in, sin_addr), ip.octets());
        address
    }

    /// An IPv6 address.
    pub fn v6(ip: Ipv6Addr, port: u16, flow: u32, scope: u32) -> Self {
        let mut address = Address::of_family(libc::AF_INET6, size_of::<sockaddr_in6>());
        address.put(offset_of!(sockaddr_in6, sin6_port), port.to_be_bytes());
        address.put(offset_of!(sockaddr_in6, sin6_flowinfo), flow.to_be_bytes());
        address.put(offset_of!(sockaddr_in6, sin6_addr), ip.octets());
        address.put(offset_of!(sockaddr_in6, sin6_scope_id), scope.to_ne_bytes());
        address
    }

    /// The address of a Unix socket: a path, or (on Linux) a name that begins with NUL. `None` if it is too long.
    pub fn unix(name: &[u8]) -> Option<Self> {
        const PATH: usize = offset_of!(sockaddr_un, sun_path);
        const ROOM: usize = size_of::<sockaddr_un>() - PATH;
        let is_path = name.first().is_some_and(|first| *first != 0);
        if name.len() + usize::from(is_path) > ROOM {
            return None;
        }
        let mut address = Address::of_family(libc::AF_UNIX, PATH + name.len() + usize::from(is_path));
        address.bytes[PATH..PATH + name.len()].copy_from_slice(name);
        Some(address)
    }

    /// Takes it apart.
    pub fn parts(&self) -> Parts<'_> {
        let len = self.len as usize;
        if len == 0 {
            return Parts::Nothing;
        }
        match self.family() {
            libc::AF_INET if len >= size_of::<sockaddr_in>() => Parts::V4(
                Ipv4Addr::from(self.at::<4>(offset_of!(sockaddr_in, sin_addr))),
                u16::from_be_bytes(self.at(offset_of!(sockaddr_in, sin_port))),
            ),
            libc::AF_INET6 if len >= size_of::<sockaddr_in6>() => Parts::V6(
                Ipv6Addr::from(self.at::<16>(offset_of!(sockaddr_in6, sin6_addr))),
                u16::from_be_bytes(self.at(offset_of!(sockaddr_in6, sin6_port))),
                u32::from_be_bytes(self.at(offset_of!(sockaddr_in6, sin6_flowinfo))),
                u32::from_ne_bytes(self.at(offset_of!(sockaddr_in6, sin6_scope_id))),
            ),
            libc::AF_UNIX => Parts::Unix(self.unix_name()),
            _ => Parts::Other,
        }
    }

    /// Can [`parts`](Self::parts) take it apart?
    pub fn is_understood(&self) -> bool {
        self.parts() != Parts::Other
    }

    /// Its bytes, as the kernel takes them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }

    fn of_family(family: libc::c_int, len: usize) -> Self {
        let mut address = Address { bytes: [0; size_of::<sockaddr_storage>()], len: len as u32 };
        address.put(offset_of!(sockaddr_storage, ss_family), (family as libc::sa_family_t).to_ne_bytes());
        address
    }

    fn family(&self) -> libc::c_int {
        libc::sa_family_t::from_ne_bytes(self.at(offset_of!(sockaddr_storage, ss_family))).into()
    }

    fn unix_name(&self) -> &[u8] {
        let name = self.as_bytes().get(offset_of!(sockaddr_un, sun_path)..).unwrap_or_default();
        match name.first() {
            None | Some(0) => name,
            Some(_) => name.split(|byte| *byte == 0).next().unwrap_or_default(),
        }
    }

    fn at<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.bytes[offset..offset + N].try_into().expect("N bytes")
    }

    fn put<const N: usize>(&mut self, offset: usize, value: [u8; N]) {
        self.bytes[offset..offset + N].copy_from_slice(&value);
    }

    /// Where the kernel writes an address, and its length.
    pub(crate) fn room(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        self.len = self.bytes.len() as u32;
        (self.bytes.as_mut_ptr().cast(), &raw mut self.len)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Address {}
