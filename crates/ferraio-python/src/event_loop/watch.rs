//! Which fds are watched, and for whom.
//!
//! A fd has at most one reader and one writer: a handle of `add_reader`, a transport, or an operation on a socket. The
//! reactor learns of changes lazily, just before the wait.
//!
//! Who has registered an fd decides how long it stays registered:
//!
//! * a transport, by the [`Key`] it gets: until it says `forget`, before it closes the fd;
//! * an operation on a socket: a little longer than it waits, until the loop polls. The next operation on the same socket
//!   object, which cannot have been closed in between, then costs no system call;
//! * a handle: until it is removed.

use std::sync::Arc;

use ferraio_core::reactor::{Drain, Events, Interest, Key, Poller, Reactor};
use ferraio_core::waker::Waker;

use super::{EventLoop, Ready};
use crate::error::Error;
use crate::ffi::{Name, Obj, Own, Result, Visit, fork};
use crate::handle::Handle;
use crate::transport::{DatagramTransport, ReadPipeTransport, SocketOperation, SocketTransport, WritePipeTransport};

/// Reading or writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The fd can be read.
    Read,
    /// The fd can be written.
    Write,
}

/// Who is told.
#[derive(Clone)]
pub enum Target {
    /// A handle of `add_reader` or `add_writer`.
    Handle(Own<Handle>),
    /// A transport.
    Transport(Own<SocketTransport>),
    /// A transport for datagrams.
    Datagram(Own<DatagramTransport>),
    /// A transport for the end of a pipe that is read.
    ReadPipe(Own<ReadPipeTransport>),
    /// A transport for the end that is written.
    WritePipe(Own<WritePipeTransport>),
    /// `sock_recv` and its kin.
    Operation(Own<SocketOperation>),
}

/// The watched fds of a loop.
pub(super) struct Io {
    reactor: Reactor,
    poller: Arc<Poller>,
    events: Option<Events>,
    /// By fd number.
    watches: Vec<Option<Watch>>,
    /// Fds whose operation is over: they are forgotten before the next wait, unless there is another one by then.
    idle: Vec<Key>,
    waker: Key,
    drain: Drain,
    generation: u32,
}

struct Watch {
    key: Key,
    reader: Option<Target>,
    writer: Option<Target>,
    /// A transport has registered the fd, and says itself when to forget it.
    adopted: bool,
    /// The socket object of the last operation, while it stays registered.
    socket: Option<Obj>,
    /// That operation received all there was.
    is_drained: bool,
}

/// How many events one wait can bring.
const EVENTS: usize = 1024;

impl Io {
    pub(super) fn new(waker: &Waker) -> std::io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (waker, drain) = reactor.register_waker(waker.fd())?;
        Ok(Io {
            poller: reactor.poller(),
            reactor,
            events: None,
            watches: Vec::new(),
            idle: Vec::new(),
            waker,
            drain,
            generation: fork::generation(),
        })
    }

    pub(super) fn visit(&self, visit: &mut Visit) {
        for watch in self.watches.iter().flatten() {
            watch.reader.iter().for_each(|target| target.visit(visit));
            watch.writer.iter().for_each(|target| target.visit(visit));
            watch.socket.iter().for_each(|socket| visit.object(socket));
        }
    }

    /// The loop is closed: nobody is told of anything any more.
    pub(super) fn release(self) {
        for watch in self.watches.into_iter().flatten() {
            watch.reader.iter().for_each(Target::release);
            watch.writer.iter().for_each(Target::release);
        }
    }

    /// Each fd that somebody is told of, with reader and writer.
    pub(super) fn watched(&self) -> Vec<(usize, Option<Target>, Option<Target>)> {
        let watches = self.watches.iter().enumerate().filter_map(|(fd, watch)| Some((fd, watch.as_ref()?)));
        let told = watches.filter(|(_, watch)| watch.reader.is_some() || watch.writer.is_some());
        told.map(|(fd, watch)| (fd, watch.reader.clone(), watch.writer.clone())).collect()
    }

    fn watch(&mut self, fd: i32) -> Option<&mut Watch> {
        self.watches.get_mut(usize::try_from(fd).ok()?)?.as_mut()
    }

    /// Puts a target in place; returns the one before.
    fn set(&mut self, fd: i32, direction: Direction, target: Target) -> std::io::Result<Option<Target>> {
        let index = fd as usize;
        if self.watch(fd).is_none() {
            let key = self.reactor.register(fd, interest_of(direction))?;
            if self.watches.len() <= index {
                self.watches.resize_with(index + 1, || None);
            }
            self.watches[index] =
                Some(Watch { key, reader: None, writer: None, adopted: false, socket: None, is_drained: false });
        }
        let watch = self.watches[index].as_mut().expect("just registered");
        let before = watch.side(direction).replace(target);
        let (key, interest) = (watch.key, watch.interest());
        self.reactor.set_interest(key, interest);
        Ok(before)
    }

    /// Takes a target away; the fd is forgotten when nobody is left.
    fn unset(&mut self, fd: i32, direction: Direction) -> (Option<Target>, Option<Watch>) {
        let Some(watch) = self.watch(fd) else { return (None, None) };
        let before = watch.side(direction).take();
        let (key, interest) = (watch.key, watch.interest());
        if interest.is_none() && !watch.adopted {
            return (before, self.remove(key));
        }
        self.reactor.set_interest(key, interest);
        (before, None)
    }

    /// Puts a target in place, or takes it away, without forgetting the fd. No system call before the next wait.
    fn change(&mut self, key: Key, direction: Direction, target: Option<Target>) -> Option<Target> {
        let fd = self.reactor.fd_of(key)?;
        let watch = self.watch(fd)?;
        let before = std::mem::replace(watch.side(direction), target);
        let interest = watch.interest();
        self.reactor.set_interest(key, interest);
        before
    }

    /// Forgets a registration, if it is not over already.
    fn remove(&mut self, key: Key) -> Option<Watch> {
        let fd = self.reactor.fd_of(key)?;
        if self.generation == fork::generation() {
            self.reactor.deregister(key);
        }
        self.watches.get_mut(fd as usize)?.take()
    }

    /// Is the fd still registered from an operation on this very socket object?
    fn is_kept_for(&self, fd: i32, socket: &Obj) -> bool {
        let watch = usize::try_from(fd).ok().and_then(|fd| self.watches.get(fd)).and_then(Option::as_ref);
        watch.is_some_and(|watch| watch.socket.as_ref().is_some_and(|kept| kept.is(socket)))
    }

    /// Registrations of operations that are over, to be dropped when nothing is borrowed.
    fn remove_idle(&mut self) -> (Vec<Watch>, Vec<Obj>) {
        let (mut removed, mut sockets) = (Vec::new(), Vec::new());
        for key in std::mem::take(&mut self.idle) {
            let Some(watch) = self.reactor.fd_of(key).and_then(|fd| self.watch(fd)) else { continue };
            if watch.is_idle() {
                removed.extend(self.remove(key));
            } else if !watch.has_operation() {
                sockets.extend(watch.socket.take());
            }
        }
        (removed, sockets)
    }
}

impl Watch {
    /// Is it registered only because an operation was just over?
    fn is_idle(&self) -> bool {
        self.reader.is_none() && self.writer.is_none() && !self.adopted
    }

    fn has_operation(&self) -> bool {
        [&self.reader, &self.writer].into_iter().flatten().any(|target| matches!(target, Target::Operation(_)))
    }

    fn side(&mut self, direction: Direction) -> &mut Option<Target> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    fn interest(&self) -> Interest {
        let reading = if self.reader.is_some() { Interest::READ } else { Interest::NONE };
        if self.writer.is_some() { reading.with(Interest::WRITE) } else { reading }
    }
}

fn interest_of(direction: Direction) -> Interest {
    match direction {
        Direction::Read => Interest::READ,
        Direction::Write => Interest::WRITE,
    }
}

impl Target {
    /// Tells it that the fd is ready.
    #[inline]
    pub fn run(&self, direction: Direction) -> Result<()> {
        match self {
            Target::Handle(handle) if handle.is_cancelled() => Ok(()),
            Target::Handle(handle) => handle.run(),
            Target::Transport(transport) => transport.ready(direction),
            Target::Datagram(transport) => transport.ready(direction),
            Target::ReadPipe(transport) => transport.ready(direction),
            Target::WritePipe(transport) => transport.ready(direction),
            Target::Operation(operation) => operation.ready(),
        }
    }

    /// What a handle in its place would call, and the context it would run in.
    pub fn callback(&self, direction: Direction) -> Result<(Obj, Option<Obj>)> {
        match self {
            Target::Handle(handle) => Ok((handle.obj().clone(), None)),
            Target::Transport(transport) => transport.callback(direction),
            Target::Datagram(transport) => transport.callback(direction),
            Target::ReadPipe(transport) => transport.callback(direction),
            Target::WritePipe(transport) => transport.callback(direction),
            Target::Operation(operation) => Ok((operation.callback()?, None)),
        }
    }

    /// The object that is told.
    pub fn obj(&self) -> &Obj {
        match self {
            Target::Handle(handle) => handle.obj(),
            Target::Transport(transport) => transport.obj(),
            Target::Datagram(transport) => transport.obj(),
            Target::ReadPipe(transport) => transport.obj(),
            Target::WritePipe(transport) => transport.obj(),
            Target::Operation(operation) => operation.obj(),
        }
    }

    /// Shows what it holds to the garbage collector.
    pub fn visit(&self, visit: &mut Visit) {
        match self {
            Target::Handle(handle) => super::visit_handle(handle, visit),
            Target::Transport(transport) => visit.own(transport),
            Target::Datagram(transport) => visit.own(transport),
            Target::ReadPipe(transport) => visit.own(transport),
            Target::WritePipe(transport) => visit.own(transport),
            Target::Operation(operation) => visit.own(operation),
        }
    }

    fn is_cancelled(&self) -> bool {
        match self {
            Target::Handle(handle) => handle.is_cancelled(),
            _ => false,
        }
    }

    fn release(&self) {
        if let Target::Handle(handle) = self {
            handle.release();
        }
    }
}

impl Own<EventLoop> {
    /// Watches `fd` for `target`; the one that was told before is returned.
    pub fn watch(&self, fd: i32, direction: Direction, target: Target) -> Result<Option<Target>> {
        self.check_process()?;
        let (outcome, forgotten) = {
            let mut io = self.io.borrow_mut();
            let io = io.as_mut().ok_or_else(|| Error::runtime("Event loop is closed"))?;
            // Its socket may be closed by now, and the number used again.
            let idle = io.watch(fd).filter(|watch| watch.is_idle()).map(|watch| watch.key);
            let forgotten = idle.and_then(|key| io.remove(key));
            (io.set(fd, direction, target), forgotten)
        };
        drop(forgotten);
        outcome.map_err(|error| Error::from(error).raise())
    }

    /// Stops watching `fd`; the one that was told is returned.
    pub fn unwatch(&self, fd: i32, direction: Direction) -> Option<Target> {
        let (target, forgotten) = self.io.borrow_mut().as_mut()?.unset(fd, direction);
        drop(forgotten);
        target
    }

    /// Watches `fd` for `target`, or for nobody any more; whoever was told before is cancelled.
    pub fn replace_target(&self, fd: i32, direction: Direction, target: Option<Target>) -> Result<()> {
        let before = match target {
            Some(target) => self.watch(fd, direction, target)?,
            None => self.unwatch(fd, direction),
        };
        cancel(before).map(drop)
    }

    /// Registers `fd` for a transport, which alone decides from now on what is watched (`set_target`, `forget`). Who had
    /// registered the number before has closed the fd behind our back, or gives it up now.
    pub fn adopt(&self, fd: i32, direction: Direction, target: Target) -> Result<Key> {
        self.check_process()?;
        let (before, outcome) = {
            let mut io = self.io.borrow_mut();
            let io = io.as_mut().ok_or_else(|| Error::runtime("Event loop is closed"))?;
            let before = io.reactor.key_of(fd).and_then(|key| io.remove(key));
            let outcome = io.set(fd, direction, target).map(|_| {
                let watch = io.watch(fd).expect("just set");
                watch.adopted = true;
                watch.key
            });
            (before, outcome)
        };
        if let Some(watch) = before {
            cancel(watch.reader)?;
            cancel(watch.writer)?;
        }
        outcome.map_err(|error| Error::from(error).raise())
    }

    /// Changes who is told, lazily. Ignored if the registration is over.
    pub fn set_target(&self, key: Key, direction: Direction, target: Option<Target>) {
        let before = self.io.borrow_mut().as_mut().and_then(|io| io.change(key, direction, target));
        drop(before);
    }

    /// Forgets what a transport has registered, at once: call it before closing the fd.
    pub fn forget(&self, key: Key) {
        let forgotten = self.io.borrow_mut().as_mut().and_then(|io| io.remove(key));
        drop(forgotten);
    }

    /// Watches the fd of a socket for an operation.
    pub fn watch_socket(&self, fd: i32, direction: Direction, operation: Target, socket: &Obj) -> Result<()> {
        self.check_process()?;
        let (before, forgotten, outcome) = {
            let mut io = self.io.borrow_mut();
            let io = io.as_mut().ok_or_else(|| Error::runtime("Event loop is closed"))?;
            let mut forgotten = None;
            if let Some(Watch { key, socket: Some(_), .. }) = io.watch(fd) {
                let key = *key;
                if !io.is_kept_for(fd, socket) {
                    // Another socket object: the one before may be closed, and its number used again.
                    forgotten = io.remove(key);
                }
            }
            let outcome = io.set(fd, direction, operation);
            let kept = match (&outcome, io.watch(fd)) {
                (Ok(_), Some(watch)) => watch.socket.replace(socket.clone()),
                _ => None,
            };
            let (before, outcome) = match outcome {
                Ok(before) => (before, Ok(())),
                Err(error) => (None, Err(error)),
            };
            (before, (forgotten, kept), outcome)
        };
        drop(forgotten);
        cancel(before)?;
        outcome.map_err(|error| Error::from(error).raise())
    }

    /// Has the last operation on this socket object received all there was, just now? Then more is to be waited for at
    /// once: to try before is a system call for nothing (`echo.sockets_*` in the benches).
    pub fn is_drained(&self, fd: i32, socket: &Obj) -> bool {
        let mut io = self.io.borrow_mut();
        let Some(io) = io.as_mut() else { return false };
        io.is_kept_for(fd, socket) && io.watch(fd).is_some_and(|watch| std::mem::take(&mut watch.is_drained))
    }

    /// The operation on this fd has received all there was.
    pub fn note_drained(&self, fd: i32) {
        if let Some(watch) = self.io.borrow_mut().as_mut().and_then(|io| io.watch(fd)) {
            watch.is_drained = true;
        }
    }

    /// An operation is over: stops watching, if it is still the one that is told. Lazily; see above.
    pub fn unwatch_socket(&self, fd: i32, direction: Direction, operation: &Obj) {
        let before = {
            let mut io = self.io.borrow_mut();
            let Some(io) = io.as_mut() else { return };
            let Some(watch) = io.watch(fd) else { return };
            if watch.side(direction).as_ref().is_none_or(|target| !target.obj().is(operation)) {
                return;
            }
            let (key, adopted) = (watch.key, watch.adopted);
            let before = io.change(key, direction, None);
            if !adopted {
                io.idle.push(key);
            }
            before
        };
        drop(before);
    }

    /// Could an fd other than the waker's end the wait?
    pub(super) fn watches_anything(&self) -> bool {
        let io = self.io.borrow();
        io.as_ref().is_some_and(|io| io.watches.iter().flatten().any(|watch| !watch.is_idle()))
    }

    /// Tells the kernel what has changed; returns what is needed to wait without holding on to the loop.
    pub(super) fn prepare_poll(&self) -> Result<Option<(Arc<Poller>, Events)>> {
        let mut failed = Vec::new();
        let mut forgotten = Default::default();
        let prepared = {
            let mut io = self.io.borrow_mut();
            let Some(io) = io.as_mut() else { return Ok(None) };
            if !io.idle.is_empty() {
                forgotten = io.remove_idle();
            }
            if io.reactor.has_changes() {
                io.reactor.apply(&mut failed);
            }
            let events = io.events.take().unwrap_or_else(|| Events::with_capacity(EVENTS));
            (Arc::clone(&io.poller), events)
        };
        drop(forgotten);
        for (key, _) in failed {
            self.watch_failed(key)?;
        }
        Ok(Some(prepared))
    }

    /// The kernel refuses an fd that was closed behind our back: whoever waits for it is told once, and finds out.
    #[cold]
    fn watch_failed(&self, key: Key) -> Result<()> {
        let targets = {
            let mut io = self.io.borrow_mut();
            let Some(io) = io.as_mut() else { return Ok(()) };
            let Some(fd) = io.reactor.fd_of(key) else { return Ok(()) };
            match io.watch(fd) {
                Some(watch) if watch.key == key => {
                    [(watch.reader.clone(), Direction::Read), (watch.writer.clone(), Direction::Write)]
                }
                _ => return Ok(()),
            }
        };
        for (target, direction) in targets {
            if let Some(target) = target {
                self.push(|| Ready::Io(target, direction));
            }
        }
        Ok(())
    }

    pub(super) fn keep_events(&self, events: Events) {
        if let Some(io) = self.io.borrow_mut().as_mut() {
            io.events = Some(events);
        }
    }

    /// Puts what is ready on the ring.
    pub(super) fn collect_events(&self, events: Events) -> Result<()> {
        let mut cancelled = Vec::new();
        let mut drain = false;
        {
            let mut io = self.io.borrow_mut();
            let Some(io) = io.as_mut() else { return Ok(()) };
            let mut ring = self.ring.borrow_mut();
            for event in io.reactor.ready(&events) {
                if event.key == io.waker {
                    drain = io.drain == Drain::AfterEachEvent;
                    continue;
                }
                let Some(fd) = io.reactor.fd_of(event.key) else { continue };
                let Some(Some(watch)) = io.watches.get(fd as usize) else { continue };
                let sides = [
                    (event.ready.is_readable(), &watch.reader, Direction::Read),
                    (event.ready.is_writable(), &watch.writer, Direction::Write),
                ];
                for (ready, target, direction) in sides {
                    if let (true, Some(target)) = (ready, target) {
                        if target.is_cancelled() {
                            cancelled.push((fd, direction));
                        } else {
                            ring.push(|| Ready::Io(target.clone(), direction));
                        }
                    }
                }
            }
            io.events = Some(events);
        }
        for (fd, direction) in cancelled {
            drop(self.unwatch(fd, direction));
        }
        if drain && let Some(shared) = &*self.shared.borrow() {
            shared.waker.drain();
        }
        Ok(())
    }
}

/// Cancels who is told no more; was there anybody?
pub(super) fn cancel(target: Option<Target>) -> Result<bool> {
    static CANCEL: Name = Name::new("cancel");
    match target {
        Some(Target::Handle(handle)) => handle.obj().call_method(&CANCEL, []).map(|_| true),
        Some(_) => Ok(true),
        None => Ok(false),
    }
}
