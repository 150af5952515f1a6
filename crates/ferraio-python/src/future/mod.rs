//! Future: a result that comes later, and who waits for it.
//!
//! The public methods and texts are those of CPython's `_asyncio.Future`, whose subclass this is; its C struct is an
//! unused prefix. The part that [`Task`](crate::task::Task) shares comes first in both.
//!
//! Who waits is a list of [`Callback`]s. A task that awaits is a direct link, not a callable: setting the result puts it
//! on the ready ring of the loop together with the future. Everything else is scheduled by the loop's `call_soon`.

mod class;

use std::cell::Cell;

use crate::error::Error;
use crate::event_loop::{self, EventLoop, Ready, observed};
use crate::ffi::class::MANY;
use crate::ffi::trampoline::Next;
use crate::ffi::{Class, ClassCell, Obj, Own, Raised, Result, Slot, Visit, coroutine, exception};
use crate::gather::Gather;
use crate::imports::{self as py};
use crate::packed;
use crate::sleep_future::SleepFuture;
use crate::task::Task;
use crate::task_group::TaskGroup;
use crate::wait::{self, Wait};

pub use class::{cannot_delete, make_class, shared};

/// Pending, or how it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not done.
    Pending,
    /// `cancel()` ended it.
    Cancelled,
    /// `result` holds the result.
    Finished,
    /// `result` holds the exception.
    Failed,
}

/// Who is to be told when the future is done.
pub enum Callback {
    /// A task that awaits it.
    Task(Own<Task>),
    /// A `gather` it is a child of.
    Gather(Own<Gather>),
    /// A task group it is a child of.
    Group(Own<TaskGroup>),
    /// A `wait` for some futures, it among them.
    Wait(Own<Wait>),
    /// A callable with its context.
    Function(Box<Function>),
}

packed!(
    /// A [`Callback`] in one word.
    PackedCallback: Callback {
        Task(Own<Task>) = 0,
        Gather(Own<Gather>) = 1,
        Group(Own<TaskGroup>) = 2,
        Wait(Own<Wait>) = 3,
        Function(Box<Function>) = 4,
    }
);

/// What `add_done_callback` was given.
pub struct Function {
    /// Called with the future.
    pub callback: Obj,
    /// The context it runs in.
    pub context: Obj,
}

/// The state of a future; the head of that of a task.
#[repr(C)]
pub struct Future {
    /// The loop; empty until `__init__`.
    pub event_loop: Slot,
    /// The result or the exception.
    result: Slot,
    /// The first that waits: most futures have just one.
    first: Cell<Option<PackedCallback>>,
    /// The others, in order.
    #[expect(clippy::box_collection, reason = "a box keeps the field at one word; most futures never have a list")]
    others: Cell<Option<Box<Vec<PackedCallback>>>>,
    /// What few futures have.
    rare: Cell<Option<Box<Rare>>>,
    state: Cell<State>,
    /// Set by `await` for the task that gets the future, which clears it: so a bare `yield` is told from an `await`.
    pub blocking: Cell<bool>,
    /// The exception has not been looked at: log it at the end.
    log_traceback: Cell<bool>,
    /// A timer of the loop will end it.
    pub timed: Cell<bool>,
}

/// Fields that few futures use.
#[derive(Default)]
struct Rare {
    exception_traceback: Option<Obj>,
    cancel_message: Option<Obj>,
    cancelled_error: Option<Obj>,
    source_traceback: Option<Obj>,
}

static CELL: ClassCell = ClassCell::new();

impl Class for Future {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Future";
    const DOC: &'static std::ffi::CStr = c"A result that comes later; asyncio.Future in Rust.";
    const OVER_BASE: bool = true;
    const KEEP: usize = MANY;
    const NEW: Option<fn() -> Self> = Some(Future::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.result.visit(visit);
        self.for_each_callback(|callback| callback.visit(visit));
        peek(&self.rare, |rare| {
            if let Some(rare) = rare {
                rare.exception_traceback.iter().for_each(|object| visit.object(object));
                rare.cancel_message.iter().for_each(|object| visit.object(object));
                rare.cancelled_error.iter().for_each(|object| visit.object(object));
                rare.source_traceback.iter().for_each(|object| visit.object(object));
            }
        });
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.result.clear();
        drop(self.first.take());
        drop(self.others.take());
        drop(self.rare.take());
    }

    fn needs_finalizer(&self) -> bool {
        self.log_traceback.get()
    }

    fn finalize(this: &Own<Self>) {
        this.log_unretrieved();
    }
}

#[cold]
fn uninitialised() -> Raised {
    Error::runtime("Future object is not initialized.")
}

/// Looks at the content of a cell; nothing that runs in between may use the same cell.
fn peek<T: Default, R>(cell: &Cell<T>, look: impl FnOnce(&mut T) -> R) -> R {
    let mut value = cell.take();
    let outcome = look(&mut value);
    cell.set(value);
    outcome
}

impl Callback {
    fn visit(&self, visit: &mut Visit) {
        match self {
            Callback::Task(task) => visit.own(task),
            Callback::Gather(gather) => visit.own(gather),
            Callback::Group(group) => visit.own(group),
            Callback::Wait(wait) => visit.own(wait),
            Callback::Function(function) => {
                visit.object(&function.callback);
                visit.object(&function.context);
            }
        }
    }

    /// The callable and context that asyncio would have in its list.
    fn as_pair(&self) -> Result<(Obj, Obj)> {
        match self {
            Callback::Task(task) => Ok((task.obj().attr(&py::WAKEUP)?, task.context.get_or_none())),
            Callback::Gather(gather) => {
                Ok((gather.obj().attr(crate::gather::done_child_name())?, coroutine::copy_context()?))
            }
            Callback::Group(group) => {
                Ok((group.obj().attr(&crate::task_group::ON_TASK_DONE)?, coroutine::copy_context()?))
            }
            Callback::Wait(wait) => Ok((wait.obj().attr(wait::child_done_name())?, coroutine::copy_context()?)),
            Callback::Function(function) => Ok((function.callback.clone(), function.context.clone())),
        }
    }
}

impl Future {
    /// A future before `__init__`.
    pub fn uninitialised() -> Self {
        Future {
            event_loop: Slot::empty(),
            result: Slot::empty(),
            first: Cell::new(None),
            others: Cell::new(None),
            rare: Cell::new(None),
            state: Cell::new(State::Pending),
            blocking: Cell::new(false),
            log_traceback: Cell::new(false),
            timed: Cell::new(false),
        }
    }

    /// A pending future of a loop of ours.
    #[inline]
    pub fn create(event_loop: &Own<EventLoop>) -> Result<Own<Future>> {
        let future = Own::new(Future::uninitialised)?;
        future.start_in(event_loop)?;
        Ok(future)
    }

    /// The same, in the place of one that is done, if nobody else can ever look at that again.
    #[inline]
    pub fn create_in_place_of(spent: Own<Future>, event_loop: &Own<EventLoop>) -> Result<Own<Future>> {
        if !spent.is_only_reference() {
            return Future::create(event_loop);
        }
        spent.clear_base();
        spent.begin(Some(event_loop.obj().clone()))?;
        Ok(spent)
    }

    /// What `__init__` does, for a future just made and a loop of ours.
    #[inline]
    pub fn start_in(&self, event_loop: &Own<EventLoop>) -> Result<()> {
        self.event_loop.set(event_loop.obj().clone());
        if event_loop.debug() { self.remember_source() } else { Ok(()) }
    }

    /// Pending, or how it ended.
    #[inline(always)]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Is it done?
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        self.state.get() != State::Pending
    }

    /// Fails if `__init__` has not run.
    #[inline(always)]
    pub fn check_initialised(&self) -> Result<()> {
        if self.event_loop.is_some() { Ok(()) } else { Err(uninitialised()) }
    }

    /// The loop, if `__init__` has run.
    #[inline(always)]
    pub fn loop_of(&self) -> Result<Obj> {
        self.event_loop.get().ok_or_else(uninitialised)
    }

    fn with_rare<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        peek(&self.rare, |rare| change(rare.get_or_insert_default()))
    }

    fn rare<R: Clone>(&self, field: impl FnOnce(&Rare) -> Option<R>) -> Option<R> {
        peek(&self.rare, |rare| rare.as_deref().and_then(field))
    }

    fn take_exception_traceback(&self) -> Option<Obj> {
        peek(&self.rare, |rare| rare.as_mut().and_then(|rare| rare.exception_traceback.take()))
    }

    /// Begins anew with this loop: what `__init__` does for futures and tasks alike.
    pub fn begin(&self, event_loop: Option<Obj>) -> Result<()> {
        self.clear();
        self.state.set(State::Pending);
        self.blocking.set(false);
        self.log_traceback.set(false);
        self.timed.set(false);
        let event_loop = match event_loop {
            Some(event_loop) if !event_loop.is_none() => event_loop,
            _ => py::GET_EVENT_LOOP.get()?.call0()?,
        };
        self.event_loop.set(event_loop.clone());
        let debug = match Own::<EventLoop>::from_obj(&event_loop) {
            Some(ours) => ours.debug(),
            None => event_loop.call_method(&py::GET_DEBUG, [])?.truth()?,
        };
        if debug && !crate::ffi::thread::is_finalizing() {
            self.remember_source()?;
        }
        Ok(())
    }

    #[cold]
    fn remember_source(&self) -> Result<()> {
        let stack = py::EXTRACT_STACK.get()?.call0()?;
        self.with_rare(|rare| rare.source_traceback.replace(stack));
        Ok(())
    }

    /// Where it was created, in debug mode.
    pub fn source_traceback(&self) -> Option<Obj> {
        self.rare(|rare| rare.source_traceback.clone())
    }

    /// Adds one that waits; the future is pending.
    #[inline(always)]
    pub fn push_callback(&self, callback: Callback) {
        let callback = PackedCallback::new(callback);
        let first = self.first.take();
        if first.is_none() {
            // Nobody is first only if nobody else waits either.
            self.first.set(Some(callback));
            return;
        }
        self.first.set(first);
        peek(&self.others, |others| others.get_or_insert_default().push(callback));
    }

    /// Takes those that wait, in order.
    fn take_callbacks(&self) -> impl Iterator<Item = Callback> + use<> {
        let others = self.others.take().map_or_else(Vec::new, |list| *list);
        self.first.take().into_iter().chain(others).map(PackedCallback::into_inner)
    }

    /// Looks at those that wait, in order; `look` must not run Python code that could change them.
    fn for_each_callback(&self, mut look: impl FnMut(&Callback)) {
        peek(&self.first, |first| first.iter().for_each(|callback| callback.look(&mut look)));
        peek(&self.others, |others| {
            others.iter().flat_map(|list| list.iter()).for_each(|callback| callback.look(&mut look))
        });
    }

    /// The exception to raise for a cancelled future: the original one, once, or a new one with the message.
    pub fn cancelled_error(&self) -> Result<Obj> {
        if let Some(error) = self.with_rare(|rare| rare.cancelled_error.take()) {
            return Ok(error);
        }
        let class = py::CANCELLED_ERROR.get()?;
        match self.rare(|rare| rare.cancel_message.clone()) {
            Some(message) if !message.is_none() => class.call([&message]),
            _ => class.call0(),
        }
    }

    /// Remembers the exception that ended a task, to chain it later.
    pub fn remember_cancelled_error(&self, error: Obj) {
        drop(self.with_rare(|rare| rare.cancelled_error.replace(error)));
    }

    /// Sets the message that a `CancelledError` made later will carry.
    pub fn set_cancel_message(&self, message: Option<Obj>) {
        if message.is_some() || peek(&self.rare, |rare| rare.is_some()) {
            drop(self.with_rare(|rare| std::mem::replace(&mut rare.cancel_message, message)));
        }
    }

    /// The message of the cancellation.
    pub fn cancel_message(&self) -> Option<Obj> {
        self.rare(|rare| rare.cancel_message.clone())
    }

    /// Forgets that the exception was not looked at.
    pub fn retrieved(&self) {
        self.log_traceback.set(false);
    }

    /// The exception, if it failed.
    pub fn failure(&self) -> Option<Obj> {
        (self.state.get() == State::Failed).then(|| self.result.get_or_none())
    }

    /// The result, if it has one.
    pub fn success(&self) -> Option<Obj> {
        (self.state.get() == State::Finished).then(|| self.result.get_or_none())
    }
}

impl Own<Future> {
    /// Fails if `__init__` has run already (3.15).
    pub fn check_new(&self) -> Result<()> {
        if cfg!(Py_3_15) && self.event_loop.is_some() {
            return Err(Error::runtime(format!("{} object is already initialized", self.obj().type_name())));
        }
        Ok(())
    }

    /// The future as a `Future`, if it is one of ours: a future or task of the exact class, whose methods nobody overrides.
    #[inline(always)]
    pub fn from_exact_kind(object: &Obj) -> Option<&Own<Future>> {
        if let Some(future) = Own::<Future>::from_exact(object) {
            return Some(future);
        }
        if let Some(future) = Own::<SleepFuture>::from_exact(object) {
            return Some(future.upcast());
        }
        if let Some(task) = Own::<Task>::from_exact(object) {
            return Some(task.upcast());
        }
        if let Some(gather) = Own::<Gather>::from_exact(object) {
            return Some(gather.upcast());
        }
        Own::<Wait>::from_exact(object).map(Own::upcast)
    }

    /// Schedules everybody who waits, in order.
    #[inline]
    fn schedule_callbacks(&self) -> Result<()> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let others = self.others.take();
        self.schedule(first.into_inner())?;
        if let Some(others) = others {
            for callback in *others {
                self.schedule(callback.into_inner())?;
            }
        }
        Ok(())
    }

    /// Schedules one who waited.
    #[inline]
    fn schedule(&self, callback: Callback) -> Result<()> {
        let event_loop = self.loop_of()?;
        let ours = match Own::<EventLoop>::from_obj(&event_loop) {
            Some(ours) if ours.takes_directly()? => Some(ours),
            _ => None,
        };
        let Some(ours) = ours else {
            let (callback, context) = callback.as_pair()?;
            return event_loop::call_soon_foreign(&event_loop, &callback, Some(self.obj()), &context);
        };
        match callback {
            Callback::Task(task) => ours.push(|| Ready::Wake(task, self.clone())),
            Callback::Gather(gather) => ours.push(|| Ready::Gather(gather, self.clone())),
            Callback::Group(group) => ours.push(|| Ready::Group(group, self.clone())),
            Callback::Wait(wait) => ours.push(|| Ready::Wait(wait, self.clone())),
            Callback::Function(function) => {
                let Function { callback, context } = *function;
                return ours.call_soon_one(callback, self.obj().clone(), context);
            }
        }
        Ok(())
    }

    /// Ends it with a result. Fails if it is done already.
    #[inline]
    pub fn finish(&self, result: Obj) -> Result<()> {
        self.end(State::Finished, Some(result))
    }

    /// Ends it with an exception (an instance, checked by the caller).
    pub fn fail(&self, error: Obj) -> Result<()> {
        if let Some(traceback) = exception::traceback(&error) {
            drop(self.with_rare(|rare| rare.exception_traceback.replace(traceback)));
        }
        self.end(State::Failed, Some(error))?;
        self.log_traceback.set(true);
        Ok(())
    }

    #[inline]
    fn end(&self, state: State, result: Option<Obj>) -> Result<()> {
        if self.is_done() {
            return Err(Error::invalid_state("invalid state"));
        }
        drop(self.result.replace(result));
        self.state.set(state);
        self.schedule_callbacks()
    }

    /// Cancels it; `false` if it is done already.
    pub fn cancel_future(&self, message: Option<Obj>) -> Result<bool> {
        self.log_traceback.set(false);
        if self.is_done() {
            return Ok(false);
        }
        self.set_cancel_message(message);
        self.end(State::Cancelled, None)?;
        self.give_up_timer();
        Ok(true)
    }

    /// Ends it without telling anybody: what waited for it was given up.
    pub fn abandon(&self) {
        if !self.is_done() {
            self.state.set(State::Cancelled);
            drop(self.first.take());
            drop(self.others.take());
            self.give_up_timer();
        }
    }

    /// Tells the loop that the timer which would end it is dead.
    fn give_up_timer(&self) {
        if !self.timed.replace(false) {
            return;
        }
        if let Some(ours) = self.event_loop.get().as_ref().and_then(Own::<EventLoop>::from_obj) {
            ours.timer_cancelled();
        }
    }

    /// The result; raises the exception, or what else there is to say.
    pub fn value(&self) -> Result<Obj> {
        match self.state.get() {
            State::Finished => {
                self.log_traceback.set(false);
                Ok(self.result.get_or_none())
            }
            State::Failed => {
                self.log_traceback.set(false);
                let error = self.result.get_or_none();
                // As asyncio's: the first to ask gets the traceback of the beginning, the others begin anew.
                exception::set_traceback(&error, self.take_exception_traceback().as_ref());
                Err(Raised::raise(&error))
            }
            State::Cancelled => Err(Raised::raise(&self.cancelled_error()?)),
            State::Pending => Err(Error::invalid_state("Result is not set.")),
        }
    }

    /// One step of `await future`.
    #[inline(always)]
    fn next(&self) -> Next {
        if self.state.get() == State::Finished {
            self.log_traceback.set(false);
            return Next::Return(self.result.get_or_none());
        }
        if !self.is_done() {
            if !self.blocking.replace(true) {
                return Next::Yield(self.obj().clone());
            }
            return Next::Raised(Error::runtime("await wasn't used with future"));
        }
        match self.value() {
            Ok(value) => Next::Return(value),
            Err(raised) => Next::Raised(raised),
        }
    }

    /// Adds a callable; if the future is done, it is scheduled at once.
    pub fn add_function(&self, callback: &Obj, context: Option<Obj>) -> Result<()> {
        let context = match context {
            Some(context) if !context.is_none() => context,
            _ => coroutine::copy_context()?,
        };
        let event_loop = self.loop_of()?;
        if self.is_done() {
            return event_loop::call_soon_any(&event_loop, callback, Some(self.obj()), &context);
        }
        self.push_callback(Callback::Function(Box::new(Function { callback: callback.clone(), context })));
        Ok(())
    }

    /// Adds one of our own waiters; if the future is done, it is scheduled at once.
    pub fn add_waiter(&self, callback: Callback) -> Result<()> {
        if self.is_done() {
            return self.schedule(callback);
        }
        self.push_callback(callback);
        Ok(())
    }

    /// Forgets a `wait` that is over.
    pub fn remove_wait(&self, wait: &Own<Wait>) {
        let is_other = |callback: &Callback| !matches!(callback, Callback::Wait(found) if found.obj().is(wait.obj()));
        for callback in self.take_callbacks().filter(is_other) {
            self.push_callback(callback);
        }
    }

    /// The `_callbacks` that asyncio would have: pairs of callable and context.
    fn callback_pairs(&self) -> Result<Vec<(Obj, Obj)>> {
        let (first, others) = (self.first.take(), self.others.take());
        let waiting = first.iter().chain(others.iter().flat_map(|list| list.iter()));
        let pairs = waiting.map(|callback| callback.look(Callback::as_pair)).collect();
        self.first.set(first);
        self.others.set(others);
        pairs
    }

    /// Adds the tasks that wait for this future (`_asyncio_awaited_by`, 3.14): for a child of a gather or one
    /// of those that `wait` waits for, those that wait for that.
    fn add_awaited_by(&self, waiting: &mut Vec<Obj>) -> Result<()> {
        static NOTED: crate::ffi::Import = crate::ffi::Import::new("ferraio._cold", "awaited_by");
        let mut between: Vec<Own<Future>> = Vec::new();
        self.for_each_callback(|callback| match callback {
            Callback::Task(task) => waiting.push(task.obj().clone()),
            Callback::Gather(gather) => between.push(gather.upcast().clone()),
            Callback::Wait(wait) => between.push(wait.upcast().clone()),
            Callback::Group(group) => waiting.extend(group.parent_task.get()),
            Callback::Function(_) => {}
        });
        for future in between {
            future.add_awaited_by(waiting)?;
        }
        // Others may have been noted through `asyncio.future_add_to_awaited_by`, in the base class's struct.
        let noted = NOTED.get()?.call([self.obj()])?;
        if noted.is_none() {
            return Ok(());
        }
        noted.for_each(|object| {
            waiting.push(object);
            Ok(())
        })
    }

    fn log_unretrieved(&self) {
        if !self.log_traceback.replace(false) {
            return;
        }
        let report = || {
            let event_loop = self.loop_of()?;
            if observed::observes(&event_loop) {
                observed::EXCEPTION_LOST.tell([self.obj()]);
            }
            let context = Obj::dict()?;
            let message = format!("{} exception was never retrieved", self.obj().type_name());
            context.dict_set(py::MESSAGE.obj(), &Obj::str(&message)?)?;
            context.dict_set(py::EXCEPTION.obj(), &self.result.get_or_none())?;
            context.dict_set(py::FUTURE.obj(), self.obj())?;
            if let Some(source) = self.source_traceback() {
                context.dict_set(py::SOURCE_TRACEBACK.obj(), &source)?;
            }
            event_loop.call_method(&py::CALL_EXCEPTION_HANDLER, [&context])
        };
        if report().is_err() {
            self.obj().write_unraisable();
        }
    }
}
