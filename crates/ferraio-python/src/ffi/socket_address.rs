//! Addresses as Python has them: `(host, port)`, `(host, port, flowinfo, scope_id)`, paths, names, `None`.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferraio_core::address::{Address, Parts};
use pyo3_ffi as c;

use super::exception::Result;
use super::object::Obj;

/// The families whose addresses are understood here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Unix.
    Unix,
}

impl Family {
    /// The family with this number, if it is one of these.
    pub fn from_number(number: i64) -> Option<Self> {
        match i32::try_from(number) {
            Ok(libc::AF_INET) => Some(Family::V4),
            Ok(libc::AF_INET6) => Some(Family::V6),
            Ok(libc::AF_UNIX) => Some(Family::Unix),
            _ => None,
        }
    }

    /// Is it the family of this address?
    pub fn has(self, address: &Address) -> bool {
        match address.parts() {
            Parts::V4(..) => self == Family::V4,
            Parts::V6(..) => self == Family::V6,
            Parts::Unix(_) => self == Family::Unix,
            Parts::Nothing | Parts::Other => false,
        }
    }
}

/// The address that a Python object stands for. `None`: a host that is to be looked up, or something wrong, for which the
/// socket's own methods have the right error.
pub fn from_python(object: &Obj, family: Family) -> Option<Address> {
    match family {
        Family::V4 => {
            let [host, port] = items(object)? else { return None };
            Some(Address::v4(ascii(host)?.parse::<Ipv4Addr>().ok()?, small(port)?))
        }
        Family::V6 => {
            let (host, port, flow, scope) = match items(object)? {
                [host, port] => (host, port, 0, 0),
                [host, port, flow] => (host, port, small(flow)?, 0),
                [host, port, flow, scope] => (host, port, small(flow)?, small(scope)?),
                _ => return None,
            };
            if flow > MOST_FLOW {
                return None;
            }
            Some(Address::v6(ascii(host)?.parse::<Ipv6Addr>().ok()?, small(port)?, flow, scope))
        }
        Family::Unix => match object.as_bytes() {
            Some(b"") => None,
            Some(name) => Address::unix(name),
            None => Address::unix(ascii(object).filter(|path| !path.is_empty())?.as_bytes()),
        },
    }
}

/// Flow information has twenty bits.
const MOST_FLOW: u32 = 0xfffff;

/// What the socket's own `recvfrom` would give. `None` for a family that only the socket knows.
pub fn to_python(address: &Address) -> Result<Option<Obj>> {
    Ok(Some(match address.parts() {
        Parts::Nothing => Obj::none(),
        Parts::V4(ip, port) => Obj::tuple([Obj::str(&ip.to_string())?, Obj::int(port.into())?])?,
        Parts::V6(ip, port, flow, scope) => Obj::tuple([
            Obj::str(&v6_text(ip))?,
            Obj::int(port.into())?,
            Obj::int(flow.into())?,
            Obj::int(scope.into())?,
        ])?,
        Parts::Unix(name) if name.first() == Some(&0) => Obj::bytes(name)?,
        // SAFETY: pointer and length are those of the path.
        Parts::Unix(path) => unsafe {
            Obj::new_ref(c::PyUnicode_DecodeFSDefaultAndSize(path.as_ptr().cast(), path.len() as isize))?
        },
        Parts::Other => return Ok(None),
    }))
}

/// As the C library writes it: the end of an address of which only the last 32 bits are set is written like IPv4.
fn v6_text(ip: Ipv6Addr) -> String {
    let octets = ip.octets();
    let is_compatible = octets[..12].iter().all(|octet| *octet == 0) && octets[12..14] != [0, 0];
    if is_compatible {
        return format!("::{}.{}.{}.{}", octets[12], octets[13], octets[14], octets[15]);
    }
    ip.to_string()
}

fn items(object: &Obj) -> Option<&[Obj]> {
    object.is_tuple().then(|| object.tuple_items())
}

fn small<T: TryFrom<i64>>(object: &Obj) -> Option<T> {
    T::try_from(object.exact_i64()?).ok()
}

/// The text of a `str` that has only ASCII in it.
fn ascii(object: &Obj) -> Option<&str> {
    // SAFETY: a live object, checked to be a str; its text lies in the object, never changes, and lives as long.
    unsafe {
        if c::PyUnicode_Check(object.as_ptr()) == 0 {
            return None;
        }
        let mut len = 0;
        let text = c::PyUnicode_AsUTF8AndSize(object.as_ptr(), &mut len);
        if text.is_null() {
            super::exception::Raised::set().clear();
            return None;
        }
        std::str::from_utf8(std::slice::from_raw_parts(text.cast(), len as usize)).ok().filter(|text| text.is_ascii())
    }
}
