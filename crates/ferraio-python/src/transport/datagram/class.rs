//! What Python sees of the transport of datagrams, beside what it sees of every transport.

use super::DatagramTransport;
use crate::ffi::{Args, Name, Obj, Own, Result, class};
use crate::imports::{self as py};
use crate::transport::endpoint::class as of_all;
use crate::{attribute, method, parts_of_socket_transport, slot};

type T = DatagramTransport;

fn init(this: &Own<T>, args: Args<'_>) -> Result<()> {
    static SOCK: Name = Name::new("sock");
    static ADDRESS: Name = Name::new("address");
    static WAITER: Name = Name::new("waiter");
    static EXTRA: Name = Name::new("extra");
    let names = [&py::LOOP, &SOCK, &py::PROTOCOL, &ADDRESS, &WAITER, &EXTRA];
    let given = args.bind("DatagramTransport", names, 3, 6)?.map(|value| value.filter(|value| !value.is_none()));
    let [event_loop, sock, protocol, address, waiter, extra] = given;
    let (event_loop, sock, protocol) = of_all::required(this, "DatagramTransport", [event_loop, sock, protocol])?;
    // As in asyncio, an address that is false counts as none.
    let address = match address {
        Some(address) if address.truth()? => Some(address),
        _ => None,
    };
    this.begin(&event_loop, &sock, &protocol, [address, waiter, extra])
}

fn send_to(this: &Own<T>, args: Args<'_>) -> Result<Obj> {
    static ADDR: Name = Name::new("addr");
    match (args.positional, args.has_keywords()) {
        ([data, address], false) => this.send_to(data, address)?,
        ([data], false) => this.send_to(data, &Obj::none())?,
        _ => {
            let [data, address] = args.bind("sendto", [&py::DATA, &ADDR], 1, 2)?;
            this.send_to(&data.expect("required"), &address.unwrap_or_else(Obj::none))?;
        }
    }
    Ok(Obj::none())
}

fn address(this: &Own<T>) -> Result<Obj> {
    Ok(this.remote.get_or_none())
}

fn buffer(this: &Own<T>) -> Result<Obj> {
    let queue: Vec<(Obj, Obj)> = this.queue.borrow().iter().cloned().collect();
    let pairs = queue.into_iter().map(|(data, address)| Obj::tuple([data, address])).collect::<Result<Vec<Obj>>>()?;
    Obj::list_from(pairs.into_iter())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut parts = parts_of_socket_transport!(T, &of_all::base()?);
    parts.methods.extend([
        method!(
            T,
            "sendto",
            keywords,
            send_to,
            "sendto(data, addr=None)\n\nSend a datagram without blocking; what cannot be sent at once is queued."
        ),
        method!(T, "_sendto_ready", noargs, of_all::write_ready, "Send what is queued, as much as there is room for."),
    ]);
    parts.attributes.extend([
        attribute!(T, "_address", address),
        attribute!(T, "_buffer", buffer),
        attribute!(T, "_buffer_size", of_all::write_buffer_size),
    ]);
    parts.slots.push(slot!(T, init, init));
    class::make::<T>(module, parts)
}
