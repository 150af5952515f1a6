//! The reactor: which fds are watched, and for what.
//!
//! Interest is changed lazily: [`Reactor::set_interest`] only notes it, [`Reactor::apply`] tells the kernel just before
//! the wait. A transport that pauses and resumes reading within a turn costs no system call. Registering and
//! deregistering go to the kernel at once, so that a bad fd is an error where the mistake is, and so that an fd is
//! forgotten before it is closed and its number reused.
//!
//! The kernel reports what is ready by [`Key`]: the fd's number and how often that number was registered before. An event
//! for an fd that was deregistered in the meantime has an old key and is dropped; it never reaches the number's next
//! owner.
//!
//! The wait itself is the [`Poller`]'s, which is shared: the loop waits without borrowing the reactor. Watching is
//! level-triggered: what is ready and wanted is reported by each wait.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::sys::{Backend, Platform};

/// Names one registration of an fd; registering the same number again gives another key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(u64);

/// The directions that somebody wants to know about, or that are ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(u8);

/// An fd is ready. Hang-up and error count as every direction that is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Whose fd it is.
    pub key: Key,
    /// What it is ready for, and wanted. Some backends report the two directions as two events.
    pub ready: Interest,
}

/// Whether the fd of a waker has to be emptied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drain {
    /// After each event, or the next wait returns at once.
    AfterEachEvent,
    /// Each ring is an event of its own.
    Never,
}

/// The fds that are watched. What only the loop's thread touches.
pub struct Reactor<B: Backend = Platform> {
    /// One slot for each fd number up to the largest that was ever registered.
    slots: Vec<Slot>,
    /// The fds whose interest was set since the last `apply`, each once.
    changed: Vec<RawFd>,
    /// How many slots are registered.
    registered: usize,
    /// The kernel's side, shared with the one who waits.
    poller: Arc<Poller<B>>,
}

/// Waits until something is ready. Any thread may do so while the loop's thread owns the reactor.
pub struct Poller<B: Backend = Platform> {
    /// The kernel's facility for waiting.
    backend: B,
}

/// What a wait found; see [`Reactor::ready`].
pub struct Events {
    /// As the backend reported them.
    found: Vec<Event>,
    /// At most so many at once; the kernel keeps the others for the next wait.
    limit: usize,
}

#[derive(Clone)]
struct Slot {
    /// Counts the registrations of this fd number.
    generation: u32,
    /// Whether the fd is registered now.
    is_registered: bool,
    /// Whether `changed` contains the fd.
    is_changed: bool,
    /// What the owner asked for last.
    wanted: Interest,
    /// What the kernel was told last.
    applied: Interest,
}

impl Reactor {
    /// Creates a reactor on the platform's own backend, with nothing to watch.
    pub fn new() -> io::Result<Self> {
        Self::with_backend()
    }
}

impl<B: Backend> Reactor<B> {
    /// Creates a reactor on the backend `B`, with nothing to watch.
    pub fn with_backend() -> io::Result<Self> {
        let poller = Arc::new(Poller { backend: B::new()? });
        Ok(Self { slots: Vec::new(), changed: Vec::new(), registered: 0, poller })
    }

    /// Watches an fd, and tells the kernel at once: a bad fd is an error here, and so is an fd that the kernel cannot
    /// watch. An fd number that is registered already is `AlreadyExists`.
    pub fn register(&mut self, fd: RawFd, interest: Interest) -> io::Result<Key> {
        let key = self.new_key(fd)?;
        let backend = &self.poller.backend;
        if interest.is_none() {
            // The kernel shall judge the fd all the same.
            backend.change(fd, key, Interest::NONE, Interest::READ)?;
            backend.change(fd, key, Interest::READ, Interest::NONE)?;
        } else {
            backend.change(fd, key, Interest::NONE, interest)?;
        }
        self.occupy(fd, key, interest);
        Ok(key)
    }

    /// Watches the fd of a [`Waker`](crate::waker::Waker), and tells whether it is to be drained.
    pub fn register_waker(&mut self, fd: RawFd) -> io::Result<(Key, Drain)> {
        let key = self.new_key(fd)?;
        let drain = self.poller.backend.watch_waker(fd, key)?;
        self.occupy(fd, key, Interest::READ);
        Ok((key, drain))
    }

    fn new_key(&self, fd: RawFd) -> io::Result<Key> {
        if self.key_of(fd).is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("fd {fd} is already registered")));
        }
        let Ok(number) = usize::try_from(fd) else {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        };
        let last = self.slots.get(number).map_or(0, |slot| slot.generation);
        Ok(Key::new(fd, last.wrapping_add(1)))
    }

    /// Notes what the kernel has accepted: only now is the number known to be reasonable.
    fn occupy(&mut self, fd: RawFd, key: Key, interest: Interest) {
        let number = fd as usize;
        if number >= self.slots.len() {
            self.slots.resize(number + 1, Slot::UNUSED);
        }
        let slot = &mut self.slots[number];
        slot.generation = key.generation();
        slot.is_registered = true;
        slot.wanted = interest;
        slot.applied = interest;
        self.registered += 1;
    }

    /// Finds the key of a registered fd.
    pub fn key_of(&self, fd: RawFd) -> Option<Key> {
        let slot = self.slots.get(usize::try_from(fd).ok()?)?;
        slot.is_registered.then(|| Key::new(fd, slot.generation))
    }

    /// Finds the fd of a registration that is not over.
    pub fn fd_of(&self, key: Key) -> Option<RawFd> {
        self.slot(key).map(|_| key.fd())
    }

    /// Tells what the owner asked for last; nothing if the registration is over.
    pub fn interest(&self, key: Key) -> Interest {
        self.slot(key).map_or(Interest::NONE, |slot| slot.wanted)
    }

    /// Asks for other directions, from the next [`apply`](Self::apply) on. Ignored if the registration is over.
    pub fn set_interest(&mut self, key: Key, interest: Interest) {
        let Some(slot) = self.slot_mut(key) else {
            return;
        };
        slot.wanted = interest;
        if slot.wanted != slot.applied && !slot.is_changed {
            slot.is_changed = true;
            self.changed.push(key.fd());
        }
    }

    /// Stops watching, at once: call it before closing the fd. Ignored if the registration is over.
    pub fn deregister(&mut self, key: Key) {
        let Some(slot) = self.slot_mut(key) else {
            return;
        };
        slot.is_registered = false;
        let applied = slot.applied;
        self.registered -= 1;
        if !applied.is_none() {
            // It can only fail for an fd that was closed behind our back, which the kernel forgot by itself.
            let _ = self.poller.backend.change(key.fd(), key, applied, Interest::NONE);
        }
    }

    /// Tells the kernel what changed. What it refused goes to `failed`; that fd is as before for the kernel, and is not
    /// tried again until its interest is set again.
    pub fn apply(&mut self, failed: &mut Vec<(Key, io::Error)>) {
        for fd in self.changed.drain(..) {
            let slot = &mut self.slots[fd as usize];
            slot.is_changed = false;
            if !slot.is_registered || slot.wanted == slot.applied {
                continue;
            }
            let key = Key::new(fd, slot.generation);
            match self.poller.backend.change(fd, key, slot.applied, slot.wanted) {
                Ok(()) => slot.applied = slot.wanted,
                Err(error) => failed.push((key, error)),
            }
        }
    }

    /// Tells whether [`apply`](Self::apply) has anything to look at.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Shares the one who waits.
    pub fn poller(&self) -> Arc<Poller<B>> {
        Arc::clone(&self.poller)
    }

    /// Counts the registered fds.
    pub fn len(&self) -> usize {
        self.registered
    }

    /// Tells whether no fd is registered.
    pub fn is_empty(&self) -> bool {
        self.registered == 0
    }

    /// Visits what a wait found, without what nobody wants any more.
    pub fn ready<'a>(&'a self, events: &'a Events) -> impl Iterator<Item = Event> + 'a {
        events.found.iter().filter_map(|&Event { key, ready }| {
            let ready = ready.common(self.interest(key));
            (!ready.is_none()).then_some(Event { key, ready })
        })
    }

    /// Visits the registered fds and what their owners asked for.
    pub fn iter(&self) -> impl Iterator<Item = (RawFd, Interest)> {
        let registered = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_registered);
        registered.map(|(number, slot)| (number as RawFd, slot.wanted))
    }

    fn slot(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.fd() as usize).filter(|slot| slot.is_current(key))
    }

    fn slot_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.fd() as usize).filter(|slot| slot.is_current(key))
    }
}

impl<B: Backend> Poller<B> {
    /// Waits until something is ready, or until the timeout is over; `None` waits for ever. It is never early, except
    /// that no wait is longer than [`MAX_WAIT`]. A signal ends it with `Interrupted`.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        events.found.clear();
        let timeout = timeout.map(|timeout| timeout.min(MAX_WAIT));
        self.backend.wait(&mut events.found, events.limit, timeout)?;
        Ok(events.found.len())
    }
}

impl Events {
    /// Makes room for what one wait finds: at most `limit` events.
    pub fn with_capacity(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { found: Vec::with_capacity(limit), limit }
    }

    /// Counts the events, stale ones included.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Tells whether the wait found nothing.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Forgets what the wait found.
    pub fn clear(&mut self) {
        self.found.clear();
    }
}

impl Interest {
    /// Neither direction: registered, but not watched.
    pub const NONE: Self = Self(0);
    /// Ready to receive, to accept, or at the end of the stream.
    pub const READ: Self = Self(1);
    /// Ready to send, or connected.
    pub const WRITE: Self = Self(2);
    /// Both directions.
    pub const BOTH: Self = Self(3);

    /// Adds directions.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Takes directions away.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Keeps the directions that are in both.
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Tells whether all of `other` is here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether there is no direction.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Tells whether reading is among the directions.
    pub const fn is_readable(self) -> bool {
        self.contains(Self::READ)
    }

    /// Tells whether writing is among the directions.
    pub const fn is_writable(self) -> bool {
        self.contains(Self::WRITE)
    }
}

impl Key {
    fn new(fd: RawFd, generation: u32) -> Self {
        Self(u64::from(fd.cast_unsigned()) << 32 | u64::from(generation))
    }

    /// The fd's number, whoever owns it now.
    fn fd(self) -> RawFd {
        ((self.0 >> 32) as u32).cast_signed()
    }

    fn generation(self) -> u32 {
        self.0 as u32
    }

    /// What a backend gives to the kernel.
    pub(crate) fn token(self) -> u64 {
        self.0
    }

    /// Reads what the kernel gave back to a backend.
    pub(crate) fn from_token(token: u64) -> Self {
        Self(token)
    }
}

impl Slot {
    const UNUSED: Self = Self {
        generation: 0,
        is_registered: false,
        is_changed: false,
        wanted: Interest::NONE,
        applied: Interest::NONE,
    };

    fn is_current(&self, key: Key) -> bool {
        self.is_registered && self.generation == key.generation()
    }
}

/// The longest single wait, as asyncio's: some kernels refuse longer ones.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
