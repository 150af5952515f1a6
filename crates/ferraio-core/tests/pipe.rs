//! Pipes that are ready, not ready, at their end, and what else can be used like one.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use ferraio_core::pipe::{self, Kind};
use ferraio_core::socket::Io;

fn nonblocking_pipe() -> io::Result<(io::PipeReader, io::PipeWriter)> {
    let (near, far) = io::pipe()?;
    pipe::set_nonblocking(near.as_raw_fd())?;
    pipe::set_nonblocking(far.as_raw_fd())?;
    Ok((near, far))
}

/// Writes until there is no more room; returns how much there was.
fn fill(fd: RawFd) -> io::Result<usize> {
    let mut filled = 0;
    while let Io::Done(size) = pipe::write(fd, &[b'x'; 5000])? {
        filled += size;
    }
    Ok(filled)
}

#[test]
fn reading_gives_what_there_is_then_later_then_the_end() -> io::Result<()> {
    let (near, mut far) = nonblocking_pipe()?;
    let mut buf = [0; 8];
    assert_eq!(pipe::read(near.as_raw_fd(), &mut buf)?, Io::Later);
    far.write_all(b"hello")?;
    assert_eq!(pipe::read(near.as_raw_fd(), &mut buf)?, Io::Done(5));
    assert_eq!(&buf[..5], b"hello");
    assert_eq!(pipe::read(near.as_raw_fd(), &mut buf)?, Io::Later);
    drop(far);
    assert_eq!(pipe::read(near.as_raw_fd(), &mut buf)?, Io::Done(0));
    Ok(())
}

#[test]
fn writing_takes_what_has_room_then_later_then_it_is_a_broken_pipe() -> io::Result<()> {
    let (mut near, far) = nonblocking_pipe()?;
    let filled = fill(far.as_raw_fd())?;
    assert_eq!(pipe::write(far.as_raw_fd(), b"more")?, Io::Later);
    let slices = [IoSlice::new(b"even "), IoSlice::new(b"more")];
    assert_eq!(pipe::write_vectored(far.as_raw_fd(), &slices)?, Io::Later);
    near.read_exact(&mut vec![0; filled])?;
    assert_eq!(pipe::write_vectored(far.as_raw_fd(), &slices)?, Io::Done(9));
    let mut read = [0; 9];
    near.read_exact(&mut read)?;
    assert_eq!(&read, b"even more");
    drop(near);
    for outcome in [pipe::write(far.as_raw_fd(), b"x"), pipe::write_vectored(far.as_raw_fd(), &slices)] {
        assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
    }
    Ok(())
}

#[test]
fn more_slices_than_the_kernel_takes_at_once_are_written_in_part() -> io::Result<()> {
    let (_near, far) = nonblocking_pipe()?;
    let slices = vec![IoSlice::new(b"x"); 2000];
    let Io::Done(size) = pipe::write_vectored(far.as_raw_fd(), &slices)? else { panic!("there is room") };
    assert!((1..2000).contains(&size), "{size}");
    Ok(())
}

#[test]
fn what_an_fd_refers_to_is_known() -> io::Result<()> {
    let kind = |file: OwnedFd| pipe::kind(file.as_raw_fd());
    let (near, far) = io::pipe()?;
    assert_eq!(kind(near.into())?, Kind::Pipe);
    assert_eq!(kind(far.into())?, Kind::Pipe);
    assert_eq!(kind(UnixStream::pair()?.0.into())?, Kind::Socket);
    assert_eq!(kind(File::open("/dev/null")?.into())?, Kind::Device);
    assert_eq!(kind(File::open("/")?.into())?, Kind::Other);
    assert_eq!(kind(File::open(std::env::current_exe()?)?.into())?, Kind::Other);
    Ok(())
}

#[test]
fn a_closed_fd_is_an_error() {
    let errors = [
        pipe::kind(-1).map(drop),
        pipe::set_nonblocking(-1),
        pipe::read(-1, &mut [0; 8]).map(drop),
        pipe::write(-1, b"x").map(drop),
        pipe::write_vectored(-1, &[IoSlice::new(b"x")]).map(drop),
    ];
    for outcome in errors {
        assert_eq!(outcome.map_err(|error| error.raw_os_error()), Err(Some(libc::EBADF)));
    }
}
