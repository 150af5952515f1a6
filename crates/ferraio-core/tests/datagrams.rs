//! Datagrams and the addresses they carry.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use ferraio_core::address::{Address, Parts};
use ferraio_core::socket::{self, Io};

fn udp() -> io::Result<(UdpSocket, u16)> {
    let sock = UdpSocket::bind("127.0.0.1:0")?;
    sock.set_nonblocking(true)?;
    let port = sock.local_addr()?.port();
    Ok((sock, port))
}

#[test]
fn a_datagram_says_where_it_comes_from_and_can_be_answered() -> io::Result<()> {
    let ((near, near_port), (far, far_port)) = (udp()?, udp()?);
    let (mut buf, mut from) = ([0; 16], Address::none());
    assert_eq!(socket::recv_from(near.as_raw_fd(), &mut buf, &mut from)?, Io::Later);

    let to = Address::v4(Ipv4Addr::LOCALHOST, near_port);
    assert_eq!(socket::send_to(far.as_raw_fd(), b"hello", &to)?, Io::Done(5));
    assert_eq!(socket::recv_from(near.as_raw_fd(), &mut buf, &mut from)?, Io::Done(5));
    assert_eq!(from.parts(), Parts::V4(Ipv4Addr::LOCALHOST, far_port));

    assert_eq!(socket::send_to(near.as_raw_fd(), b"", &from)?, Io::Done(0));
    assert_eq!(socket::recv_from(far.as_raw_fd(), &mut buf, &mut from)?, Io::Done(0));
    assert!(from == to);
    Ok(())
}

/// Receives until there is no more; returns the bytes and the sender's port of each datagram.
fn receive_all(sock: &UdpSocket) -> io::Result<Vec<(Vec<u8>, u16)>> {
    let (mut all, mut buf, mut from) = (Vec::new(), vec![0; 1 << 16], Address::none());
    while let Io::Done(size) = socket::recv_from(sock.as_raw_fd(), &mut buf, &mut from)? {
        match from.parts() {
            Parts::V4(Ipv4Addr::LOCALHOST, port) => all.push((buf[..size].to_vec(), port)),
            other => panic!("from {other:?}"),
        }
    }
    Ok(all)
}

#[test]
fn a_burst_is_received_whole_in_order_and_with_its_senders() -> io::Result<()> {
    let (near, near_port) = udp()?;
    let senders = [udp()?, udp()?];
    let to = Address::v4(Ipv4Addr::LOCALHOST, near_port);
    for burst in [0, 1, 2, 15, 16, 17, 32] {
        let mut expected = Vec::new();
        for number in 0..burst {
            let (sender, port) = &senders[number % 2];
            let data = vec![number as u8; 100 * number];
            socket::send_to(sender.as_raw_fd(), &data, &to)?;
            expected.push((data, *port));
        }
        assert_eq!(receive_all(&near)?, expected);
    }
    Ok(())
}

#[test]
fn the_longest_and_the_shortest_datagram_have_room() -> io::Result<()> {
    let ((near, near_port), (far, far_port)) = (udp()?, udp()?);
    let to = Address::v4(Ipv4Addr::LOCALHOST, near_port);
    let longest = vec![7; 65_507];
    socket::send_to(far.as_raw_fd(), &longest, &to)?;
    socket::send_to(far.as_raw_fd(), b"", &to)?;
    assert_eq!(receive_all(&near)?, [(longest, far_port), (Vec::new(), far_port)]);
    Ok(())
}

#[test]
fn nobody_there_is_an_error_of_the_next_call() -> io::Result<()> {
    let ((near, _), (far, far_port)) = (udp()?, udp()?);
    near.connect((Ipv4Addr::LOCALHOST, far_port))?;
    drop(far);
    socket::send(near.as_raw_fd(), b"anybody?")?;
    let (mut buf, mut from) = ([0; 16], Address::none());
    let error = socket::recv_from(near.as_raw_fd(), &mut buf, &mut from).expect_err("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(socket::recv_from(near.as_raw_fd(), &mut buf, &mut from)?, Io::Later);
    Ok(())
}

#[test]
fn addresses_of_the_internet_survive_being_put_together_and_taken_apart() {
    let v4 = Address::v4(Ipv4Addr::new(1, 2, 3, 4), 65535);
    assert_eq!(v4.parts(), Parts::V4(Ipv4Addr::new(1, 2, 3, 4), 65535));
    let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    assert_eq!(Address::v6(ip, 80, 0xfffff, 3).parts(), Parts::V6(ip, 80, 0xfffff, 3));
    assert!(v4 != Address::v4(Ipv4Addr::new(1, 2, 3, 4), 1));
}

#[test]
fn unix_sockets_have_paths_names_or_nothing() -> io::Result<()> {
    let directory = std::env::temp_dir().join(format!("ferraio-datagrams-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let (near_path, far_path) = (directory.join("near"), directory.join("far"));
    let near = UnixDatagram::bind(&near_path)?;
    let far = UnixDatagram::bind(&far_path)?;
    let nobody = UnixDatagram::unbound()?;
    let near_path = near_path.as_os_str().as_bytes();

    let to = Address::unix(near_path).expect("a short path");
    let (mut buf, mut from) = ([0; 16], Address::none());
    socket::send_to(far.as_raw_fd(), b"1", &to)?;
    socket::recv_from(near.as_raw_fd(), &mut buf, &mut from)?;
    assert_eq!(from.parts(), Parts::Unix(far_path.as_os_str().as_bytes()));
    socket::send_to(nobody.as_raw_fd(), b"2", &to)?;
    socket::recv_from(near.as_raw_fd(), &mut buf, &mut from)?;
    assert_eq!(from.parts(), Parts::Nothing);
    std::fs::remove_dir_all(&directory)?;

    let name = Address::unix(b"\0abstract").expect("a short name");
    assert_eq!(name.parts(), Parts::Unix(b"\0abstract"));
    assert!(Address::unix(&[b'x'; 107]).is_some());
    assert!(Address::unix(&[b'x'; 108]).is_none());
    assert!(Address::unix(&[0; 109]).is_none());
    Ok(())
}
