//! Sockets that are ready, not ready, at their end, and gone.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ferraio_core::address::{Address, Parts};
use ferraio_core::socket::{self, Io};

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

#[test]
fn receiving_gives_what_there_is_then_later_then_the_end() {
    let (near, mut far) = pair();
    let mut buf = [0; 8];
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf).unwrap(), Io::Later);
    far.write_all(b"hello").unwrap();
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf).unwrap(), Io::Done(5));
    assert_eq!(&buf[..5], b"hello");
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf).unwrap(), Io::Later);
    drop(far);
    assert_eq!(socket::recv(near.as_raw_fd(), &mut buf).unwrap(), Io::Done(0));
}

#[test]
fn a_pipe_is_read_like_a_socket() {
    let (near, mut far) = std::io::pipe().unwrap();
    // SAFETY: the fd is open, and no memory is involved.
    assert_eq!(unsafe { libc::fcntl(near.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    let mut buf = [0; 8];
    assert_eq!(socket::read(near.as_raw_fd(), &mut buf).unwrap(), Io::Later);
    far.write_all(b"hello").unwrap();
    assert_eq!(socket::read(near.as_raw_fd(), &mut buf).unwrap(), Io::Done(5));
    drop(far);
    assert_eq!(socket::read(near.as_raw_fd(), &mut buf).unwrap(), Io::Done(0));
}

#[test]
fn receiving_needs_no_initialized_memory() {
    let (near, mut far) = pair();
    let mut buf = Vec::with_capacity(8);
    assert_eq!(socket::recv_uninit(near.as_raw_fd(), buf.spare_capacity_mut()).unwrap(), Io::Later);
    far.write_all(b"hello").unwrap();
    assert_eq!(socket::recv_uninit(near.as_raw_fd(), buf.spare_capacity_mut()).unwrap(), Io::Done(5));
    // SAFETY: the kernel filled the first five bytes.
    unsafe { buf.set_len(5) };
    assert_eq!(buf, b"hello");
}

#[test]
fn sending_goes_on_until_there_is_no_room() {
    let (near, mut far) = pair();
    let mut sent = 0;
    while let Io::Done(n) = socket::send(near.as_raw_fd(), &[7; 5000]).unwrap() {
        sent += n;
    }
    assert!(sent > 0);
    let mut received = vec![0; sent];
    far.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
    assert_eq!(socket::send(near.as_raw_fd(), b"again").unwrap(), Io::Done(5));
}

#[test]
fn slices_are_sent_in_order_as_one() {
    let (near, mut far) = pair();
    let slices = [b"one ".as_slice(), b"", b"two ", b"three"].map(IoSlice::new);
    assert_eq!(socket::send_vectored(near.as_raw_fd(), &slices).unwrap(), Io::Done(13));
    let mut received = [0; 13];
    far.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"one two three");
}

#[test]
fn more_slices_than_the_kernel_takes_are_sent_in_part() {
    let (near, _far) = pair();
    let slices = vec![IoSlice::new(b"a"); 5000];
    let Io::Done(sent) = socket::send_vectored(near.as_raw_fd(), &slices).unwrap() else {
        panic!("there is room for so little");
    };
    assert!((1..5000).contains(&sent));
}

#[test]
fn sending_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
    restore_sigpipe();
    let (near, far) = pair();
    drop(far);
    for outcome in
        [socket::send(near.as_raw_fd(), b"a"), socket::send_vectored(near.as_raw_fd(), &[IoSlice::new(b"a")])]
    {
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EPIPE));
    }
}

#[test]
fn the_peer_of_who_shuts_down_writing_sees_the_end_and_can_still_answer() {
    let (near, mut far) = pair();
    socket::shutdown_write(near.as_raw_fd()).unwrap();
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
    far.write_all(b"bye").unwrap();
    assert_eq!(socket::recv(near.as_raw_fd(), &mut [0; 8]).unwrap(), Io::Done(3));
}

#[test]
fn an_accepted_connection_does_not_block_and_is_not_inherited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    assert!(matches!(socket::accept(listener.as_raw_fd(), &mut Address::none()).unwrap(), Io::Later));
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let Io::Done(connection) = socket::accept(listener.as_raw_fd(), &mut Address::none()).unwrap() else {
        panic!("the connection is established");
    };
    assert_eq!(socket::recv(connection.as_raw_fd(), &mut [0; 8]).unwrap(), Io::Later);
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(connection.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

#[test]
fn a_socket_knows_its_own_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket::local_address(listener.as_raw_fd()).unwrap();
    assert_eq!(address.parts(), Parts::V4(Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
    assert!(address.is_understood());
}

#[test]
fn the_peer_of_a_closed_socket_sees_the_end() {
    let (near, mut far) = pair();
    socket::close(near.into()).unwrap();
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn small_pieces_can_be_sent_at_once() {
    let (near, _far) = tcp_pair();
    assert!(!near.nodelay().unwrap());
    socket::set_nodelay(near.as_raw_fd()).unwrap();
    assert!(near.nodelay().unwrap());
}

#[test]
fn the_error_that_waits_on_a_socket_is_taken_once() {
    let (near, far) = tcp_pair();
    assert!(socket::take_error(near.as_raw_fd()).unwrap().is_none());
    // Closing with unread data resets the connection.
    (&near).write_all(b"unread").unwrap();
    far.peek(&mut [0; 6]).unwrap();
    drop(far);
    let error = socket::take_error(near.as_raw_fd()).unwrap().expect("the connection was reset");
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    assert!(socket::take_error(near.as_raw_fd()).unwrap().is_none());
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
