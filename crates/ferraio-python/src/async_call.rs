//! What an `async` method in Rust returns when it is called: an awaitable without a coroutine.
//!
//! As with an `async def`, nothing happens before it is first awaited, and one that never is gets the warning that a
//! coroutine gets. It has `send`, `throw` and `close`, so that `asyncio.iscoroutine` holds. At its first step the method
//! does one of three things ([`Step`]): it is done at once, it waits for a future, or it leaves everything to the
//! coroutine of asyncio's own method, which happens whenever something is unusual.

use std::cell::Cell;

use crate::error::Error;
use crate::ffi::trampoline::Next;
use crate::ffi::{
    Class, ClassCell, Import, Name, Obj, Own, Raised, Result, Slot, Visit, call_site, class, coroutine, exception,
};
use crate::future::{Future, State};
use crate::future_iterator::raise_thrown;
use crate::imports::{self as py};
use crate::streams::reader::{StreamReader, Wanted};
use crate::streams::writer::StreamWriter;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::queue::Queue;
use crate::sync::semaphore::Semaphore;
use crate::timeout::Timeout;
use crate::{attribute, method, slot, slot_attribute};

/// A call of one of our methods, with what it was called with.
pub enum Body {
    /// `Timeout.__aenter__()`
    TimeoutEnter(Own<Timeout>),
    /// `Timeout.__aexit__(*args)`; without arguments: three times `None`.
    TimeoutExit(Own<Timeout>, Option<Obj>),
    /// `Lock.acquire()`
    LockAcquire(Own<Lock>),
    /// `Lock.__aenter__()`
    LockEnter(Own<Lock>),
    /// `Lock.__aexit__(…)`
    LockExit(Own<Lock>),
    /// `Event.wait()`
    EventWait(Own<Event>),
    /// `Semaphore.acquire()`
    SemaphoreAcquire(Own<Semaphore>),
    /// `Semaphore.__aenter__()`
    SemaphoreEnter(Own<Semaphore>),
    /// `Semaphore.__aexit__(…)`
    SemaphoreExit(Own<Semaphore>),
    /// `Queue.put(item)`
    QueuePut(Own<Queue>, Obj),
    /// `Queue.get()`
    QueueGet(Own<Queue>),
    /// `StreamReader.read(n)`, `readexactly(n)`, `readline()`
    StreamRead(Own<StreamReader>, Wanted),
    /// `StreamWriter.drain()`
    StreamDrain(Own<StreamWriter>),
}

/// What a method wants next.
pub enum Step {
    /// It is done, with this result.
    Return(Obj),
    /// It goes on when this new future is done.
    Wait(Own<Future>),
    /// Let this coroutine of asyncio's own method do it all.
    Delegate(Obj),
}

impl Body {
    /// The first step.
    #[inline(always)]
    fn start(&self) -> Result<Step> {
        match self {
            Body::TimeoutEnter(timeout) => timeout.enter(),
            Body::TimeoutExit(timeout, args) => timeout.exit(args.as_ref()),
            Body::LockAcquire(lock) => lock.acquire(false),
            Body::LockEnter(lock) => lock.acquire(true),
            Body::LockExit(lock) => lock.exit(),
            Body::EventWait(event) => event.wait(),
            Body::SemaphoreAcquire(semaphore) => semaphore.acquire(false),
            Body::SemaphoreEnter(semaphore) => semaphore.acquire(true),
            Body::SemaphoreExit(semaphore) => semaphore.exit(),
            Body::QueuePut(queue, item) => queue.put(item),
            Body::QueueGet(queue) => queue.get(),
            Body::StreamRead(reader, wanted) => reader.read(*wanted),
            Body::StreamDrain(writer) => writer.drain(),
        }
    }

    /// The next step: the future it waited for is done, or `error` was raised where it waited.
    fn resume(&self, future: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        match self {
            Body::LockAcquire(lock) => lock.acquired(false, future, error),
            Body::LockEnter(lock) => lock.acquired(true, future, error),
            Body::EventWait(event) => event.waited(future, error),
            Body::SemaphoreAcquire(semaphore) => semaphore.acquired(false, future, error),
            Body::SemaphoreEnter(semaphore) => semaphore.acquired(true, future, error),
            Body::QueuePut(queue, item) => queue.put_on(item, future, error),
            Body::QueueGet(queue) => queue.get_on(future, error),
            Body::StreamRead(reader, wanted) => reader.read_on(*wanted, future, error),
            Body::TimeoutEnter(_)
            | Body::TimeoutExit(..)
            | Body::LockExit(_)
            | Body::SemaphoreExit(_)
            | Body::StreamDrain(_) => {
                unreachable!("it never waits")
            }
        }
    }

    /// The qualified name of the method in asyncio.
    fn name(&self) -> &'static str {
        match self {
            Body::TimeoutEnter(_) => "Timeout.__aenter__",
            Body::TimeoutExit(..) => "Timeout.__aexit__",
            Body::LockAcquire(_) => "Lock.acquire",
            Body::EventWait(_) => "Event.wait",
            Body::SemaphoreAcquire(_) => "Semaphore.acquire",
            Body::LockEnter(_) | Body::SemaphoreEnter(_) => "_ContextManagerMixin.__aenter__",
            Body::LockExit(_) | Body::SemaphoreExit(_) => "_ContextManagerMixin.__aexit__",
            Body::QueuePut(..) => "Queue.put",
            Body::QueueGet(_) => "Queue.get",
            Body::StreamRead(_, wanted) => wanted.name(),
            Body::StreamDrain(_) => "StreamWriter.drain",
        }
    }

    /// The object whose method was called.
    fn owner(&self) -> &Obj {
        match self {
            Body::TimeoutEnter(timeout) | Body::TimeoutExit(timeout, _) => timeout.obj(),
            Body::LockAcquire(lock) | Body::LockEnter(lock) | Body::LockExit(lock) => lock.obj(),
            Body::EventWait(event) => event.obj(),
            Body::SemaphoreAcquire(semaphore) | Body::SemaphoreEnter(semaphore) | Body::SemaphoreExit(semaphore) => {
                semaphore.obj()
            }
            Body::QueuePut(queue, _) | Body::QueueGet(queue) => queue.obj(),
            Body::StreamRead(reader, _) => reader.obj(),
            Body::StreamDrain(writer) => writer.obj(),
        }
    }

    fn visit(&self, visit: &mut Visit) {
        match self {
            Body::TimeoutEnter(timeout) => visit.own(timeout),
            Body::TimeoutExit(timeout, args) => {
                visit.own(timeout);
                args.iter().for_each(|args| visit.object(args));
            }
            Body::LockAcquire(lock) | Body::LockEnter(lock) | Body::LockExit(lock) => visit.own(lock),
            Body::EventWait(event) => visit.own(event),
            Body::SemaphoreAcquire(semaphore) | Body::SemaphoreEnter(semaphore) | Body::SemaphoreExit(semaphore) => {
                visit.own(semaphore);
            }
            Body::QueuePut(queue, item) => {
                visit.own(queue);
                visit.object(item);
            }
            Body::QueueGet(queue) => visit.own(queue),
            Body::StreamRead(reader, _) => visit.own(reader),
            Body::StreamDrain(writer) => visit.own(writer),
        }
    }
}

/// Checks the number of arguments of an `__aexit__`.
#[inline(always)]
pub fn exit_arguments(args: &[Obj], class: &str) -> Result<()> {
    if args.len() == 3 {
        return Ok(());
    }
    Err(Error::type_(format!("{class}.__aexit__() takes 4 positional arguments but {} were given", args.len() + 1)))
}

/// A call that can be awaited once.
pub struct AsyncCall {
    progress: Cell<Progress>,
    /// The call, until it is done.
    body: Cell<Option<Body>>,
    name: &'static str,
    /// The future it waits for.
    future: Slot<Own<Future>>,
    /// The coroutine of asyncio's own method that does it all.
    stand_in: Slot,
    /// Where it was called, if anybody wants to know.
    call_site: Slot,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    Running,
    Waiting,
    Delegated,
    Done,
}

static CELL: ClassCell = ClassCell::new();

impl Class for AsyncCall {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.AsyncCall";
    const DOC: &'static std::ffi::CStr = c"What an async method in Rust returns: to be awaited once.";
    const KEEP: usize = 1000;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        let body = self.body.take();
        body.iter().for_each(|body| body.visit(visit));
        self.body.set(body);
        self.future.visit(visit);
        self.stand_in.visit(visit);
        self.call_site.visit(visit);
    }

    fn clear(&self) {
        drop(self.body.take());
        self.future.clear();
        self.stand_in.clear();
        self.call_site.clear();
    }

    fn needs_finalizer(&self) -> bool {
        matches!(self.progress.get(), Progress::New | Progress::Waiting)
    }

    fn finalize(this: &Own<Self>) {
        static WARN: Import = Import::new("warnings", "_warn_unawaited_coroutine");
        let outcome = match this.progress.get() {
            Progress::New => {
                this.progress.set(Progress::Done);
                WARN.now().and_then(|warn| warn.call([this.obj()]))
            }
            _ => close(this),
        };
        if outcome.is_err() {
            this.obj().write_unraisable();
        }
    }
}

impl AsyncCall {
    /// A call that waits to be awaited.
    #[inline(always)]
    pub fn create(body: Body) -> Result<Obj> {
        let call = Own::new(|| AsyncCall {
            progress: Cell::new(Progress::New),
            name: body.name(),
            body: Cell::new(Some(body)),
            future: Slot::empty(),
            stand_in: Slot::empty(),
            call_site: call_site::here(),
        })?;
        Ok(call.into_obj())
    }
}

#[inline(always)]
fn next(this: &Own<AsyncCall>) -> Next {
    if this.progress.get() != Progress::New {
        return go_on(this);
    }
    this.progress.set(Progress::Running);
    let Some(body) = this.body.take() else { return Next::Raised(already_awaited()) };
    match body.start() {
        Ok(Step::Return(value)) => {
            this.progress.set(Progress::Done);
            Next::Return(value)
        }
        outcome => take_step(this, body, outcome),
    }
}

/// Does what the body wants next.
fn take_step(this: &Own<AsyncCall>, body: Body, outcome: Result<Step>) -> Next {
    this.progress.set(Progress::Done);
    match outcome {
        Ok(Step::Return(value)) => Next::Return(value),
        Ok(Step::Wait(future)) => {
            future.blocking.set(true);
            this.future.set(future.clone());
            this.body.set(Some(body));
            this.progress.set(Progress::Waiting);
            Next::Yield(future.into_obj())
        }
        Ok(Step::Delegate(coro)) => {
            this.body.set(Some(body));
            this.stand_in.set(coro);
            this.progress.set(Progress::Delegated);
            go_on(this)
        }
        Err(raised) => Next::Raised(raised),
    }
}

/// Every step but the first.
fn go_on(this: &Own<AsyncCall>) -> Next {
    match (this.progress.get(), this.stand_in.get()) {
        (Progress::Waiting, _) => {
            let error = match this.future.get() {
                Some(future) if future.state() == State::Finished => None,
                Some(future) if future.is_done() => future.value().err().map(Raised::take),
                _ => Some(Error::runtime("await wasn't used with future").take()),
            };
            resume(this, error)
        }
        (Progress::Delegated, Some(coro)) => {
            let step = coroutine::send_none(&coro);
            delegated(this, step)
        }
        (Progress::Running, _) => Next::Raised(already_executing()),
        _ => Next::Raised(already_awaited()),
    }
}

/// Ends the wait, with the error that is raised there, if any.
fn resume(this: &Own<AsyncCall>, error: Option<Obj>) -> Next {
    let (Some(body), Some(future)) = (this.body.take(), this.future.take()) else {
        return Next::Raised(already_awaited());
    };
    this.progress.set(Progress::Running);
    let outcome = body.resume(&future, error);
    take_step(this, body, outcome)
}

/// Passes on what asyncio's coroutine says.
fn delegated(this: &Own<AsyncCall>, step: coroutine::Step) -> Next {
    let end = match step {
        coroutine::Step::Yield(object) => return Next::Yield(object),
        coroutine::Step::Return(value) => Next::Return(value),
        coroutine::Step::Raise(raised) => Next::Raised(raised),
    };
    this.progress.set(Progress::Done);
    if let (Next::Return(_), Some(Body::SemaphoreAcquire(semaphore) | Body::SemaphoreEnter(semaphore))) =
        (&end, this.body.take())
    {
        semaphore.acquired_otherwise();
    }
    end
}

#[cold]
fn already_awaited() -> Raised {
    Error::runtime("cannot reuse already awaited coroutine")
}

#[cold]
fn already_executing() -> Raised {
    Error::Value(String::from("coroutine already executing")).raise()
}

/// The answer of `send` and `throw`.
fn answer(next: Next) -> Result<Obj> {
    match next {
        Next::Yield(object) => Ok(object),
        Next::Raised(raised) => Err(raised),
        Next::Return(value) => {
            coroutine::set_stop_iteration(value);
            Err(Raised::set())
        }
    }
}

fn send_step(this: &Own<AsyncCall>, value: &Obj) -> Next {
    if this.progress.get() == Progress::New && !value.is_none() {
        return Next::Raised(Error::type_("can't send non-None value to a just-started coroutine"));
    }
    next(this)
}

fn send(this: &Own<AsyncCall>, value: &Obj) -> Result<Obj> {
    answer(send_step(this, value))
}

fn throw(this: &Own<AsyncCall>, args: &[Obj]) -> Result<Obj> {
    let [class, rest @ ..] = args else {
        return Err(Error::type_("throw expected at least 1 argument, got 0"));
    };
    match this.progress.get() {
        Progress::Running => return Err(already_executing()),
        Progress::Done => return Err(already_awaited()),
        _ => {}
    }
    let error = raise_thrown(class, rest.first(), rest.get(1)).take();
    answer(throw_step(this, error))
}

fn throw_step(this: &Own<AsyncCall>, error: Obj) -> Next {
    match (this.progress.get(), this.stand_in.get()) {
        (Progress::Waiting, _) => resume(this, Some(error)),
        (Progress::Delegated, Some(coro)) => {
            let step = coroutine::throw(&coro, &error);
            delegated(this, step)
        }
        _ => {
            this.progress.set(Progress::Done);
            drop(this.body.take());
            Next::Raised(Raised::exception(error))
        }
    }
}

fn close(this: &Own<AsyncCall>) -> Result<Obj> {
    match (this.progress.get(), this.stand_in.get()) {
        (Progress::Waiting, _) => {
            let error = exception::generator_exit().call0()?;
            match resume(this, Some(error)) {
                Next::Yield(_) => Err(Error::runtime("coroutine ignored GeneratorExit")),
                Next::Return(_) => Ok(Obj::none()),
                Next::Raised(raised) if raised.matches(&exception::generator_exit()) => {
                    raised.clear();
                    Ok(Obj::none())
                }
                Next::Raised(raised) => Err(raised),
            }
        }
        (Progress::Delegated, Some(coro)) => {
            this.progress.set(Progress::Done);
            coro.call_method(&py::CLOSE, [])
        }
        (Progress::Running, _) => Err(already_executing()),
        _ => {
            this.progress.set(Progress::Done);
            drop(this.body.take());
            Ok(Obj::none())
        }
    }
}

fn itself(this: &Own<AsyncCall>) -> Result<Obj> {
    Ok(this.obj().clone())
}

fn name(this: &Own<AsyncCall>) -> Result<Obj> {
    Obj::str(this.name.rsplit('.').next().unwrap_or_default())
}

fn qualified_name(this: &Own<AsyncCall>) -> Result<Obj> {
    Obj::str(this.name)
}

fn nothing(_: &Own<AsyncCall>) -> Result<Obj> {
    Ok(Obj::none())
}

fn awaited(this: &Own<AsyncCall>) -> Result<Obj> {
    static AWAIT: Name = Name::new("cr_await");
    match (this.stand_in.get(), this.future.get()) {
        (Some(coro), _) => coro.attr(&AWAIT),
        (None, Some(future)) => Ok(future.into_obj()),
        (None, None) => Ok(Obj::none()),
    }
}

/// The object whose method was called, while the call goes on.
fn owner(this: &Own<AsyncCall>) -> Result<Obj> {
    let body = this.body.take();
    let owner = body.as_ref().map_or_else(Obj::none, |body| body.owner().clone());
    this.body.set(body);
    Ok(owner)
}

fn running(this: &Own<AsyncCall>) -> Result<Obj> {
    Ok(Obj::bool(this.progress.get() == Progress::Running))
}

fn repr(this: &Own<AsyncCall>) -> Result<Obj> {
    Obj::str(&format!("<coroutine object {} at {:p}>", this.name, this.obj().as_ptr()))
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let parts = class::ClassParts {
        methods: vec![
            method!(AsyncCall, "send", one, send, "Step on, as a coroutine does."),
            method!(AsyncCall, "throw", fast, throw, "Raise an exception at the place where it waits."),
            method!(AsyncCall, "close", noargs, close, "End it."),
        ],
        attributes: vec![
            attribute!(AsyncCall, "__name__", name),
            attribute!(AsyncCall, "__qualname__", qualified_name),
            attribute!(AsyncCall, "cr_origin", nothing),
            slot_attribute!(AsyncCall, "_call_site", call_site),
            attribute!(AsyncCall, "cr_frame", nothing),
            attribute!(AsyncCall, "cr_code", nothing),
            attribute!(AsyncCall, "cr_await", awaited),
            attribute!(AsyncCall, "cr_running", running),
            attribute!(AsyncCall, "_owner", owner),
        ],
        slots: vec![
            slot!(AsyncCall, await, itself),
            slot!(AsyncCall, iter, itself),
            slot!(AsyncCall, iternext, next),
            slot!(AsyncCall, send, send_step),
            slot!(AsyncCall, repr, repr),
        ],
        ..Default::default()
    };
    class::make::<AsyncCall>(module, parts)
}
