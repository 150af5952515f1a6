//! The contract of the pollers, told as stories and kept by each backend that this platform has.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferraio_core::reactor::{Drain, Events, Interest, Key, Poller, Reactor};
use ferraio_core::sys::Backend;
use ferraio_core::waker::Waker;

macro_rules! contract {
    ($($story:ident)*) => {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        mod epoll {
            use ferraio_core::sys::epoll::Epoll;
            $(#[test] fn $story() -> std::io::Result<()> { super::$story::<Epoll>() })*
        }
        #[cfg(any(
            target_vendor = "apple",
            target_os = "freebsd",
            target_os = "dragonfly",
            target_os = "netbsd",
            target_os = "openbsd"
        ))]
        mod kqueue {
            use ferraio_core::sys::kqueue::Kqueue;
            $(#[test] fn $story() -> std::io::Result<()> { super::$story::<Kqueue>() })*
        }
        mod poll {
            use ferraio_core::sys::poll::Poll;
            $(#[test] fn $story() -> std::io::Result<()> { super::$story::<Poll>() })*
        }
    };
}

contract! {
    what_arrives_is_reported_until_it_is_read
    room_to_send_is_reported_until_there_is_none
    both_directions_are_reported_together
    a_connection_makes_its_listener_readable
    only_wanted_directions_are_reported
    changed_interest_counts_from_the_next_wait_on
    a_direction_can_be_swapped_for_the_other
    a_paused_fd_stays_silent_even_when_its_peer_hangs_up
    an_fd_registered_for_nothing_is_silent_until_it_is_resumed
    a_hang_up_is_readable_to_who_wants_to_read
    a_dead_connection_is_writable_to_who_wants_to_write
    a_pipe_whose_writer_is_gone_is_readable
    a_full_pipe_whose_reader_is_gone_is_writable
    a_closed_fd_cannot_be_registered
    an_fd_cannot_be_registered_twice
    a_deregistered_fd_is_silent
    an_event_never_reaches_the_next_owner_of_the_number
    a_number_reused_behind_our_back_can_be_resumed
    a_number_reused_behind_our_back_can_be_deregistered_and_registered
    a_file_that_comes_back_to_its_number_can_be_registered
    an_fd_closed_behind_our_back_fails_when_it_is_changed
    an_fd_closed_behind_our_back_does_not_keep_the_poller_busy
    with_little_room_for_events_each_fd_gets_its_turn
    a_wait_is_never_early
    a_timeout_may_be_as_long_as_it_likes
    a_wake_up_from_another_thread_ends_the_wait
    a_wake_up_before_the_wait_ends_it
    many_wake_ups_are_drained_at_once
    each_ring_of_a_registered_waker_ends_one_wait
    a_signal_interrupts_the_wait
}

/// A reactor with the one who waits for it.
struct Watch<B: Backend> {
    reactor: Reactor<B>,
    poller: Arc<Poller<B>>,
    events: Events,
}

impl<B: Backend> Watch<B> {
    fn new() -> io::Result<Self> {
        let reactor = Reactor::with_backend()?;
        let poller = reactor.poller();
        Ok(Self { reactor, poller, events: Events::with_capacity(16) })
    }

    fn register(&mut self, source: &impl AsRawFd, interest: Interest) -> io::Result<Key> {
        self.reactor.register(source.as_raw_fd(), interest)
    }

    fn set_interest(&mut self, key: Key, interest: Interest) {
        self.reactor.set_interest(key, interest);
        let mut failed = Vec::new();
        self.reactor.apply(&mut failed);
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// Waits until something is ready.
    fn wait(&mut self) -> io::Result<()> {
        self.poller.wait(&mut self.events, None)?;
        Ok(())
    }

    /// What the last wait found for this key.
    fn found(&self, key: Key) -> Interest {
        let events = self.reactor.ready(&self.events).filter(|event| event.key == key);
        events.fold(Interest::NONE, |ready, event| ready.with(event.ready))
    }

    /// What is ready now for this key.
    fn ready(&mut self, key: Key) -> io::Result<Interest> {
        self.poller.wait(&mut self.events, Some(Duration::ZERO))?;
        Ok(self.found(key))
    }

    /// Tells whether the kernel has nothing to say at all.
    fn is_silent(&mut self) -> io::Result<bool> {
        Ok(self.poller.wait(&mut self.events, Some(Duration::ZERO))? == 0)
    }
}

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    Ok((near, far))
}

fn fill(mut stream: &UnixStream) {
    while stream.write(&[0; 4096]).is_ok() {}
}

fn what_arrives_is_reported_until_it_is_read<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (mut near, mut far) = pair()?;
    let key = watch.register(&near, Interest::READ)?;
    assert!(watch.is_silent()?);
    far.write_all(b"ab")?;
    assert_eq!(watch.ready(key)?, Interest::READ);
    near.read_exact(&mut [0])?;
    assert_eq!(watch.ready(key)?, Interest::READ);
    near.read_exact(&mut [0])?;
    assert!(watch.is_silent()?);
    Ok(())
}

fn room_to_send_is_reported_until_there_is_none<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, mut far) = pair()?;
    let key = watch.register(&near, Interest::WRITE)?;
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    fill(&near);
    assert!(watch.is_silent()?);
    far.set_nonblocking(true)?;
    while far.read(&mut [0; 4096]).is_ok() {}
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn both_directions_are_reported_together<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, mut far) = pair()?;
    let key = watch.register(&near, Interest::BOTH)?;
    far.write_all(b"a")?;
    assert_eq!(watch.ready(key)?, Interest::BOTH);
    Ok(())
}

fn a_connection_makes_its_listener_readable<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let key = watch.register(&listener, Interest::READ)?;
    assert!(watch.is_silent()?);
    let _client = TcpStream::connect(listener.local_addr()?)?;
    watch.wait()?;
    assert_eq!(watch.found(key), Interest::READ);
    Ok(())
}

fn only_wanted_directions_are_reported<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, mut far) = pair()?;
    far.write_all(b"a")?;
    let key = watch.register(&near, Interest::READ)?;
    assert_eq!(watch.ready(key)?, Interest::READ);
    // Not even those that were wanted when the wait began.
    watch.reactor.set_interest(key, Interest::WRITE);
    assert_eq!(watch.found(key), Interest::NONE);
    Ok(())
}

fn changed_interest_counts_from_the_next_wait_on<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, mut far) = pair()?;
    far.write_all(b"a")?;
    let key = watch.register(&near, Interest::READ)?;
    watch.set_interest(key, Interest::BOTH);
    assert_eq!(watch.ready(key)?, Interest::BOTH);
    watch.set_interest(key, Interest::WRITE);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_direction_can_be_swapped_for_the_other<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, mut far) = pair()?;
    let key = watch.register(&near, Interest::WRITE)?;
    watch.set_interest(key, Interest::READ);
    assert!(watch.is_silent()?);
    far.write_all(b"a")?;
    assert_eq!(watch.ready(key)?, Interest::READ);
    Ok(())
}

fn a_paused_fd_stays_silent_even_when_its_peer_hangs_up<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, far) = pair()?;
    let key = watch.register(&near, Interest::BOTH)?;
    watch.set_interest(key, Interest::NONE);
    drop(far);
    assert!(watch.is_silent()?);
    watch.set_interest(key, Interest::READ);
    assert_eq!(watch.ready(key)?, Interest::READ);
    Ok(())
}

fn an_fd_registered_for_nothing_is_silent_until_it_is_resumed<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, far) = pair()?;
    let key = watch.register(&near, Interest::NONE)?;
    drop(far);
    assert!(watch.is_silent()?);
    watch.set_interest(key, Interest::READ);
    assert_eq!(watch.ready(key)?, Interest::READ);
    Ok(())
}

fn a_hang_up_is_readable_to_who_wants_to_read<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, far) = pair()?;
    let key = watch.register(&near, Interest::READ)?;
    drop(far);
    assert_eq!(watch.ready(key)?, Interest::READ);
    Ok(())
}

fn a_dead_connection_is_writable_to_who_wants_to_write<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, far) = pair()?;
    fill(&near);
    let key = watch.register(&near, Interest::WRITE)?;
    assert!(watch.is_silent()?);
    drop(far);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_pipe_whose_writer_is_gone_is_readable<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (reader, writer) = io::pipe()?;
    let key = watch.register(&reader, Interest::READ)?;
    assert!(watch.is_silent()?);
    drop(writer);
    assert_eq!(watch.ready(key)?, Interest::READ);
    Ok(())
}

fn a_full_pipe_whose_reader_is_gone_is_writable<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (reader, mut writer) = io::pipe()?;
    let key = watch.register(&writer, Interest::WRITE)?;
    while watch.ready(key)?.is_writable() {
        // As much as a writable pipe takes without blocking.
        writer.write_all(&[0; 512])?;
    }
    drop(reader);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_closed_fd_cannot_be_registered<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    for fd in [-1, 1 << 30, RawFd::MAX] {
        for interest in [Interest::READ, Interest::NONE] {
            let error = watch.reactor.register(fd, interest).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        }
    }
    assert!(watch.reactor.is_empty());
    Ok(())
}

fn an_fd_cannot_be_registered_twice<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let key = watch.register(&near, Interest::WRITE)?;
    let error = watch.reactor.register(near.as_raw_fd(), Interest::READ).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_deregistered_fd_is_silent<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let key = watch.register(&near, Interest::WRITE)?;
    watch.reactor.deregister(key);
    assert!(watch.is_silent()?);
    let next = watch.register(&near, Interest::WRITE)?;
    assert_eq!(watch.ready(next)?, Interest::WRITE);
    Ok(())
}

fn an_event_never_reaches_the_next_owner_of_the_number<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let old = watch.register(&near, Interest::WRITE)?;
    watch.wait()?;
    watch.reactor.deregister(old);
    let new = watch.register(&near, Interest::WRITE)?;
    assert_ne!(old, new);
    assert_eq!(watch.found(old), Interest::NONE);
    assert_eq!(watch.found(new), Interest::NONE);
    Ok(())
}

fn a_number_reused_behind_our_back_can_be_resumed<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (first, _first_far) = pair()?;
    let (second, _second_far) = pair()?;
    let number = Number::of(&first);
    drop(first);
    let key = watch.register(&number, Interest::READ)?;
    number.reuse_for(&second);
    watch.set_interest(key, Interest::BOTH);
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_number_reused_behind_our_back_can_be_deregistered_and_registered<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (first, _first_far) = pair()?;
    let (second, _second_far) = pair()?;
    let number = Number::of(&first);
    drop(first);
    let key = watch.register(&number, Interest::READ)?;
    number.reuse_for(&second);
    watch.reactor.deregister(key);
    let key = watch.register(&number, Interest::WRITE)?;
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn a_file_that_comes_back_to_its_number_can_be_registered<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (first, _first_far) = pair()?;
    let (second, _second_far) = pair()?;
    let number = Number::of(&first);
    let key = watch.register(&number, Interest::READ)?;
    number.reuse_for(&second);
    // The first file is still open, so that the kernel may still know it under this number.
    watch.reactor.deregister(key);
    number.reuse_for(&first);
    let key = watch.register(&number, Interest::WRITE)?;
    assert_eq!(watch.ready(key)?, Interest::WRITE);
    Ok(())
}

fn an_fd_closed_behind_our_back_fails_when_it_is_changed<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let number = Number::of(&near);
    let key = watch.register(&number, Interest::READ)?;
    drop(number);
    watch.reactor.set_interest(key, Interest::BOTH);
    let mut failed = Vec::new();
    watch.reactor.apply(&mut failed);
    let failed: Vec<_> = failed.into_iter().map(|(key, error)| (key, error.raw_os_error())).collect();
    assert_eq!(failed, [(key, Some(libc::EBADF))]);
    // It still belongs to its owner, who deregisters it as any other.
    assert_eq!(watch.reactor.len(), 1);
    watch.reactor.deregister(key);
    assert!(watch.reactor.is_empty());
    Ok(())
}

fn an_fd_closed_behind_our_back_does_not_keep_the_poller_busy<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let number = Number::of(&near);
    drop(near);
    let key = watch.register(&number, Interest::WRITE)?;
    let waker = Waker::new()?;
    let bell = watch.register(&waker, Interest::READ)?;
    drop(number);
    assert_eq!(watch.ready(key)?, Interest::NONE);
    let timeout = Duration::from_millis(2);
    let start = Instant::now();
    watch.poller.wait(&mut watch.events, Some(timeout))?;
    assert!(start.elapsed() >= timeout);
    waker.wake();
    assert_eq!(watch.ready(bell)?, Interest::READ);
    Ok(())
}

fn with_little_room_for_events_each_fd_gets_its_turn<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    watch.events = Events::with_capacity(2);
    let pairs: Vec<_> = (0..5).map(|_| pair()).collect::<io::Result<_>>()?;
    let keys: Vec<_> =
        pairs.iter().map(|(near, _)| watch.register(near, Interest::WRITE)).collect::<io::Result<_>>()?;
    let mut turns = vec![0; keys.len()];
    for _ in 0..5 {
        watch.wait()?;
        assert_eq!(watch.events.len(), 2);
        for (turns, key) in turns.iter_mut().zip(&keys) {
            *turns += u32::from(watch.found(*key).is_writable());
        }
    }
    assert_eq!(turns, [2; 5]);
    Ok(())
}

fn a_wait_is_never_early<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    for micros in [1, 300, 1_001, 2_500] {
        let timeout = Duration::from_micros(micros);
        let start = Instant::now();
        assert_eq!(watch.poller.wait(&mut watch.events, Some(timeout))?, 0);
        assert!(start.elapsed() >= timeout);
    }
    Ok(())
}

fn a_timeout_may_be_as_long_as_it_likes<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    let (near, _far) = pair()?;
    let key = watch.register(&near, Interest::WRITE)?;
    watch.poller.wait(&mut watch.events, Some(Duration::MAX))?;
    assert_eq!(watch.found(key), Interest::WRITE);
    Ok(())
}

fn a_wake_up_from_another_thread_ends_the_wait<B: Backend>() -> io::Result<()> {
    for waker in [Waker::new()?, Waker::from_pipe()?] {
        let mut watch = Watch::<B>::new()?;
        let key = watch.register(&waker, Interest::READ)?;
        thread::scope(|scope| {
            scope.spawn(|| waker.wake());
            watch.wait()
        })?;
        assert_eq!(watch.found(key), Interest::READ);
        waker.drain();
        assert!(watch.is_silent()?);
    }
    Ok(())
}

fn a_wake_up_before_the_wait_ends_it<B: Backend>() -> io::Result<()> {
    for waker in [Waker::new()?, Waker::from_pipe()?] {
        let mut watch = Watch::<B>::new()?;
        let key = watch.register(&waker, Interest::READ)?;
        waker.wake();
        watch.wait()?;
        assert_eq!(watch.found(key), Interest::READ);
    }
    Ok(())
}

fn many_wake_ups_are_drained_at_once<B: Backend>() -> io::Result<()> {
    for waker in [Waker::new()?, Waker::from_pipe()?] {
        let mut watch = Watch::<B>::new()?;
        let key = watch.register(&waker, Interest::READ)?;
        // More than fit into a pipe.
        for _ in 0..10_000 {
            waker.wake();
        }
        assert_eq!(watch.ready(key)?, Interest::READ);
        waker.drain();
        assert!(watch.is_silent()?);
        waker.wake();
        assert_eq!(watch.ready(key)?, Interest::READ);
    }
    Ok(())
}

fn a_signal_interrupts_the_wait<B: Backend>() -> io::Result<()> {
    let mut watch = Watch::<B>::new()?;
    heed_signals();
    // SAFETY: it has no conditions.
    let waiting = unsafe { libc::pthread_self() } as usize;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                // SAFETY: the thread that waits does not end before this one.
                unsafe { libc::pthread_kill(waiting as libc::pthread_t, libc::SIGUSR1) };
                thread::yield_now();
            }
        });
        let outcome = watch.poller.wait(&mut watch.events, None);
        is_over.store(true, Ordering::Release);
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::Interrupted);
    });
    Ok(())
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn a_regular_file_cannot_be_registered_with_epoll() -> io::Result<()> {
    let mut watch = Watch::<ferraio_core::sys::epoll::Epoll>::new()?;
    let file = std::fs::File::open(std::env::current_exe()?)?;
    for interest in [Interest::READ, Interest::NONE] {
        let error = watch.reactor.register(file.as_raw_fd(), interest).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }
    Ok(())
}

/// An fd with a number that no other thread of the tests can get by chance, so that it can be closed and reused.
struct Number(RawFd);

impl Number {
    fn of(source: &impl AsRawFd) -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(200);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let this = Self(number);
        this.reuse_for(source);
        this
    }

    /// Closes the file behind the number, and puts another one there.
    fn reuse_for(&self, source: &impl AsRawFd) {
        // SAFETY: only this value uses the number.
        let outcome = unsafe { libc::dup2(source.as_raw_fd(), self.0) };
        assert_eq!(outcome, self.0, "{}", io::Error::last_os_error());
    }
}

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: only this value uses the number.
        unsafe { libc::close(self.0) };
    }
}

/// Makes the signal interrupt system calls, rather than end the process.
fn heed_signals() {
    extern "C" fn ignore(_: libc::c_int) {}
    // SAFETY: all of its fields may be zero: no flags, so that calls are not restarted, and no mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ignore as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: `action` is readable, and its handler may run at any time, since it does nothing.
    let outcome = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(outcome, 0);
}

fn each_ring_of_a_registered_waker_ends_one_wait<B: Backend>() -> io::Result<()> {
    let mut reactor = Reactor::<B>::with_backend()?;
    let waker = Waker::new()?;
    let (key, drain) = reactor.register_waker(waker.fd())?;
    let poller = reactor.poller();
    for _ in 0..3 {
        waker.wake();
        let mut events = Events::with_capacity(8);
        assert_eq!(poller.wait(&mut events, None)?, 1);
        assert_eq!(reactor.ready(&events).next().map(|event| event.key), Some(key));
        if drain == Drain::AfterEachEvent {
            waker.drain();
        }
        events.clear();
        assert_eq!(poller.wait(&mut events, Some(Duration::ZERO))?, 0, "one ring, one event");
    }
    Ok(())
}
