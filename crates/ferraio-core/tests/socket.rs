//! Sockets that are ready, not ready, at their end, and gone.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ferraio_core::address::{Address, Parts};
use ferraio_core::socket::{self, Io};

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    Ok((near, far))
}

fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nonblocking(true)?;
    Ok((near, far))
}

#[test]
fn receiving_gives_what_there_is_then_later_then_the_end() -> io::Result<()> {
    let (near, mut far) = pair()?;
    let mut buf = [0; 8];
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf)?, Io::Later);
    far.write_all(b"hello")?;
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf)?, Io::Done(5));
    assert_eq!(&buf[..5], b"hello");
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf)?, Io::Later);
    drop(far);
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf)?, Io::Done(0));
    Ok(())
}

#[test]
fn receiving_needs_no_initialized_memory() -> io::Result<()> {
    let (near, mut far) = pair()?;
    let mut buf = Vec::with_capacity(8);
    assert_eq!(socket::recv_uninit(near.as_raw_fd(), buf.spare_capacity_mut())?, Io::Later);
    far.write_all(b"hello")?;
    assert_eq!(socket::recv_uninit(near.as_raw_fd(), buf.spare_capacity_mut())?, Io::Done(5));
    // SAFETY: the kernel filled the first five bytes.
    unsafe { buf.set_len(5) };
    assert_eq!(buf, b"hello");
    Ok(())
}

#[test]
fn sending_goes_on_until_there_is_no_room() -> io::Result<()> {
    let (near, mut far) = pair()?;
    let mut sent = 0;
    while let Io::Done(n) = socket::send(near.as_raw_fd(), &[7; 5000])? {
        sent += n;
    }
    assert!(sent > 0);
    let mut received = vec![0; sent];
    far.read_exact(&mut received)?;
    assert!(received.iter().all(|byte| *byte == 7));
    assert_eq!(socket::send(near.as_raw_fd(), b"again")?, Io::Done(5));
    Ok(())
}

#[test]
fn slices_are_sent_in_order_as_one() -> io::Result<()> {
    let (near, mut far) = pair()?;
    let slices = [b"one ".as_slice(), b"", b"two ", b"three"].map(IoSlice::new);
    assert_eq!(socket::send_vectored(near.as_raw_fd(), &slices)?, Io::Done(13));
    let mut received = [0; 13];
    far.read_exact(&mut received)?;
    assert_eq!(&received, b"one two three");
    Ok(())
}

#[test]
fn more_slices_than_the_kernel_takes_are_sent_in_part() -> io::Result<()> {
    let (near, _far) = pair()?;
    let slices = vec![IoSlice::new(b"a"); 5000];
    let Io::Done(sent) = socket::send_vectored(near.as_raw_fd(), &slices)? else {
        panic!("there is room for so little");
    };
    assert!((1..5000).contains(&sent));
    Ok(())
}

#[test]
fn sending_to_a_peer_that_is_gone_is_an_error_and_no_signal() -> io::Result<()> {
    restore_sigpipe();
    let (near, far) = pair()?;
    drop(far);
    for outcome in
        [socket::send(near.as_raw_fd(), b"a"), socket::send_vectored(near.as_raw_fd(), &[IoSlice::new(b"a")])]
    {
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EPIPE));
    }
    Ok(())
}

#[test]
fn the_peer_of_who_shuts_down_writing_sees_the_end_and_can_still_answer() -> io::Result<()> {
    let (near, mut far) = pair()?;
    socket::shutdown_write(near.as_raw_fd())?;
    assert_eq!(far.read(&mut [0; 8])?, 0);
    far.write_all(b"bye")?;
    assert_eq!(socket::recv(near.as_raw_fd(), &mut [0; 8])?, Io::Done(3));
    Ok(())
}

#[test]
fn an_accepted_connection_does_not_block_and_is_not_inherited() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    assert!(matches!(socket::accept(listener.as_raw_fd(), &mut Address::none())?, Io::Later));
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let Io::Done(connection) = socket::accept(listener.as_raw_fd(), &mut Address::none())? else {
        panic!("the connection is established");
    };
    assert_eq!(socket::recv(connection.as_raw_fd(), &mut [0; 8])?, Io::Later);
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(connection.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    Ok(())
}

#[test]
fn a_socket_knows_its_own_address() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = socket::local_address(listener.as_raw_fd())?;
    assert_eq!(address.parts(), Parts::V4(Ipv4Addr::LOCALHOST, listener.local_addr()?.port()));
    assert!(address.is_understood());
    Ok(())
}

#[test]
fn the_peer_of_a_closed_socket_sees_the_end() -> io::Result<()> {
    let (near, mut far) = pair()?;
    socket::close(near.into())?;
    assert_eq!(far.read(&mut [0; 8])?, 0);
    Ok(())
}

#[test]
fn small_pieces_can_be_sent_at_once() -> io::Result<()> {
    let (near, _far) = tcp_pair()?;
    assert!(!near.nodelay()?);
    socket::set_nodelay(near.as_raw_fd())?;
    assert!(near.nodelay()?);
    Ok(())
}

#[test]
fn the_error_that_waits_on_a_socket_is_taken_once() -> io::Result<()> {
    let (near, far) = tcp_pair()?;
    assert!(socket::take_error(near.as_raw_fd())?.is_none());
    // Closing with unread data resets the connection.
    (&near).write_all(b"unread")?;
    far.peek(&mut [0; 6])?;
    drop(far);
    let error = socket::take_error(near.as_raw_fd())?.expect("the connection was reset");
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    assert!(socket::take_error(near.as_raw_fd())?.is_none());
    Ok(())
}

#[test]
fn a_closed_fd_is_an_error_everywhere() {
    let bad_fd = |error: std::io::Error| error.raw_os_error() == Some(libc::EBADF);
    assert!(socket::recv(-1, &mut [0]).is_err_and(bad_fd));
    assert!(socket::recv_uninit(-1, &mut [MaybeUninit::uninit()]).is_err_and(bad_fd));
    assert!(socket::send(-1, b"a").is_err_and(bad_fd));
    assert!(socket::send_vectored(-1, &[IoSlice::new(b"a")]).is_err_and(bad_fd));
    assert!(socket::accept(-1, &mut Address::none()).map(|_: Io<OwnedFd>| ()).is_err_and(bad_fd));
    assert!(socket::local_address(-1).map(drop).is_err_and(bad_fd));
    assert!(socket::set_nodelay(-1).is_err_and(bad_fd));
    assert!(socket::shutdown_write(-1).is_err_and(bad_fd));
    assert!(socket::take_error(-1).is_err_and(bad_fd));
}

/// Undoes what Rust does at the start of each program, so that a signal would end the test.
fn restore_sigpipe() {
    // SAFETY: it is the default action, and no handler of ours.
    let outcome = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_ne!(outcome, libc::SIG_ERR);
}
