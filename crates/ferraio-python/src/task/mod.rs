//! Task: a coroutine that the loop steps until it is done.
//!
//! A task is either on the ready ring (its next step is scheduled), linked to the future it waits for, running, or done.
//! Its one strong reference of ours moves ring → future → ring. The rules of a step (what a coroutine may yield, how it
//! may end) and all texts are those of CPython's `_asyncio.Task`, whose subclass this is.

mod class;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::diagnose::failure;
use crate::error::Error;
use crate::event_loop::{self, EventLoop, Ready, observed};
use crate::ffi::class::{MANY, StartsWith};
use crate::ffi::coroutine::{Step, copy_context, in_context, is_context, send_none, throw};
use crate::ffi::{
    Args, Class, ClassCell, Import, Obj, Own, Raised, Result, Slot, Visit, current_task, exception, task_list,
};
use crate::future::{Callback, Future, State};
use crate::gather::Gather;
use crate::imports::{self as py};

pub use class::{make_class, offset};

/// The state of a task.
#[repr(C)]
pub struct Task {
    future: Future,
    /// The coroutine; empty when done.
    coro: Slot,
    /// The context its steps run in.
    pub context: Slot,
    /// The name, once somebody has asked or set it.
    name: Slot,
    /// The number in the default name.
    number: Cell<u64>,
    /// The future it waits for.
    waits_for: Slot,
    /// Its place among all tasks.
    pub links: task_list::Links,
    /// How many cancellations were asked for and not taken back.
    cancel_requests: Cell<u32>,
    /// Throw a CancelledError in at the next step.
    must_cancel: Cell<bool>,
    /// Say something if it dies pending.
    log_destroy_pending: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
/// So many requests to cancel that nobody took back are a loop that runs for nothing.
const OFTEN: u32 = 1000;
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);
/// How many tasks were given a name.
static NAMED: AtomicU64 = AtomicU64::new(0);

/// How many tasks were made.
pub fn tasks_made(_: Args<'_>) -> Result<Obj> {
    Obj::int((NEXT_NUMBER.load(Relaxed) - 1 + NAMED.load(Relaxed)) as i64)
}

// SAFETY: `repr(C)`, the future is the first field, and both classes are made with the same offset (`offset`).
unsafe impl StartsWith<Future> for Task {}

impl Class for Task {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Task";
    const DOC: &'static std::ffi::CStr = c"A coroutine that the loop steps until it is done; asyncio.Task in Rust.";
    const OVER_BASE: bool = true;
    const KEEP: usize = MANY;
    const NEW: Option<fn() -> Self> = Some(Task::uninitialised);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.future.traverse(visit);
        self.coro.visit(visit);
        self.context.visit(visit);
        self.name.visit(visit);
        self.waits_for.visit(visit);
    }

    fn clear(&self) {
        self.future.clear();
        self.coro.clear();
        self.context.clear();
        self.name.clear();
        self.waits_for.clear();
    }

    fn needs_finalizer(&self) -> bool {
        self.future.needs_finalizer() || !self.future.is_done()
    }

    fn finalize(this: &Own<Self>) {
        if !cfg!(Py_3_14) {
            // As with a weak reference, even if the task lives on.
            task_list::remove(this);
        }
        if !this.future.is_done() && this.log_destroy_pending.get() && this.future.event_loop.is_some() {
            this.report_destroyed();
        }
        Future::finalize(this.upcast());
    }

    fn before_free(this: &Own<Self>) {
        task_list::remove(this);
    }
}

/// What `Task()` and `create_task()` take, beside the coroutine.
#[derive(Default)]
pub struct Options {
    /// The name, if not the default one.
    pub name: Option<Obj>,
    /// The context, if not a copy of the current one.
    pub context: Option<Obj>,
    /// Run the first step at once.
    pub eager_start: bool,
}

impl Task {
    fn uninitialised() -> Self {
        Task {
            future: Future::uninitialised(),
            coro: Slot::empty(),
            context: Slot::empty(),
            name: Slot::empty(),
            number: Cell::new(0),
            waits_for: Slot::empty(),
            links: task_list::Links::default(),
            cancel_requests: Cell::new(0),
            must_cancel: Cell::new(false),
            log_destroy_pending: Cell::new(true),
        }
    }

    /// Will be stepped soon: has its coroutine and its context fetched from memory meanwhile.
    #[inline(always)]
    pub fn prefetch_coroutine(&self) {
        self.coro.prefetch(4);
        self.context.prefetch(1);
    }

    /// `cancelling()`.
    pub fn cancelling(&self) -> u32 {
        self.cancel_requests.get()
    }
}

/// `asyncio.iscoroutine(object)`.
#[inline(always)]
pub fn is_coroutine(object: &Obj) -> Result<bool> {
    if object.is_exact_coroutine()
        || Own::<crate::sleep::Sleep>::from_exact(object).is_some()
        || Own::<crate::async_call::AsyncCall>::from_exact(object).is_some()
    {
        return Ok(true);
    }
    py::IS_COROUTINE.get()?.call([object])?.truth()
}

impl Own<Task> {
    /// A task of a loop of ours, its first step scheduled.
    #[inline]
    pub fn create(event_loop: &Own<EventLoop>, coro: &Obj, options: Options) -> Result<Own<Task>> {
        if !event_loop.schedules_plainly() || options.eager_start || !is_coroutine(coro)? {
            return Self::create_after_a_look(event_loop, coro, options);
        }
        Self::create_shortly(event_loop, coro, options)
    }

    #[cold]
    fn create_after_a_look(event_loop: &Own<EventLoop>, coro: &Obj, options: Options) -> Result<Own<Task>> {
        let task = Own::new(Task::uninitialised)?;
        task.begin(coro, Some(event_loop.obj().clone()), options)?;
        Ok(task)
    }

    #[inline(always)]
    fn create_shortly(event_loop: &Own<EventLoop>, coro: &Obj, options: Options) -> Result<Own<Task>> {
        let context = match options.context {
            Some(context) if !context.is_none() => check_context(context)?,
            _ => copy_context()?,
        };
        let task = Own::new(Task::uninitialised)?;
        task.future.event_loop.set(event_loop.obj().clone());
        task.coro.set(coro.clone());
        task.context.set(context);
        task.take_name(options.name)?;
        task_list::add(&task)?;
        event_loop.push(|| Ready::Step(task.clone()));
        Ok(task)
    }

    fn take_name(&self, name: Option<Obj>) -> Result<()> {
        match name {
            Some(name) if !name.is_none() => {
                NAMED.fetch_add(1, Relaxed);
                self.name.set(name_text(&name)?);
            }
            _ => self.number.set(NEXT_NUMBER.fetch_add(1, Relaxed)),
        }
        Ok(())
    }

    /// What `Task.__init__` does.
    fn begin(&self, coro: &Obj, event_loop: Option<Obj>, options: Options) -> Result<()> {
        self.future.begin(event_loop)?;
        let refused = |raised: Raised| {
            self.log_destroy_pending.set(false);
            raised
        };
        if !is_coroutine(coro).map_err(refused)? {
            return Err(refused(Error::type_(format!("a coroutine was expected, got {}", coro.repr_text()))));
        }
        let context = match options.context {
            Some(context) if !context.is_none() => check_context(context).map_err(refused)?,
            _ => copy_context()?,
        };
        self.context.set(context.clone());
        self.waits_for.clear();
        self.must_cancel.set(false);
        self.log_destroy_pending.set(true);
        self.cancel_requests.set(0);
        self.coro.set(coro.clone());
        self.take_name(options.name)?;
        let event_loop = self.future.loop_of()?;
        if options.eager_start && is_running(&event_loop)? {
            return self
                .start_eagerly(&event_loop)
                .map_err(|raised| if cfg!(Py_3_15) { refused(raised) } else { raised });
        }
        match Own::<EventLoop>::from_obj(&event_loop).filter(|ours| ours.is_direct()) {
            Some(ours) => {
                ours.check_open()?;
                ours.push(|| Ready::Step(self.clone()));
            }
            None => event_loop::call_soon_foreign(&event_loop, &self.obj().attr(&py::STEP)?, None, &context)?,
        }
        task_list::add(self)
    }

    /// Runs the first step now, inside whatever runs already.
    fn start_eagerly(&self, event_loop: &Obj) -> Result<()> {
        let before = current_task::swap(event_loop, self.obj())?;
        task_list::add(self)?;
        let context = self.context.get_or_none();
        let outcome = in_context(&context, || self.run_step(None));
        let failed = outcome.err().map(Raised::take);
        let swapped = current_task::swap(event_loop, &before);
        if self.upcast::<Future>().is_done() {
            task_list::remove(self);
            self.coro.clear();
        }
        match failed {
            Some(error) => {
                if let Err(raised) = swapped {
                    raised.clear();
                }
                Err(Raised::exception(error))
            }
            None => swapped.map(drop),
        }
    }

    /// One step from the ready ring of a loop of ours, which has made the task its current one.
    #[inline]
    pub fn step_in_context(&self, error: Option<Obj>) -> Result<()> {
        if self.future.is_done() {
            return Err(self.already_done(error));
        }
        let Some(context) = self.context.get() else {
            return Err(Error::runtime("uninitialized Task object"));
        };
        in_context(&context, || {
            let error = self.take_error(error)?;
            self.run_step(error)
        })
    }

    #[cold]
    fn already_done(&self, error: Option<Obj>) -> Raised {
        let error = error.unwrap_or_else(Obj::none);
        Error::invalid_state(format!("__step(): already done: {} {}", self.obj().repr_text(), error.repr_text()))
    }

    /// The exception to throw in, if a cancellation or the caller wants one; the task waits for nothing any more.
    #[inline(always)]
    fn take_error(&self, mut error: Option<Obj>) -> Result<Option<Obj>> {
        if self.must_cancel.replace(false) {
            let keep = match &error {
                Some(error) => error.is_instance(py::CANCELLED_ERROR.get()?)?,
                None => false,
            };
            if !keep {
                error = Some(self.future.cancelled_error()?);
            }
        }
        self.waits_for.clear();
        Ok(error)
    }

    /// The exception with which a task wakes up when the future it waited for is done: asyncio throws it in.
    #[inline(always)]
    pub fn error_of(future: &Own<Future>) -> Result<Option<Obj>> {
        match future.state() {
            State::Finished | State::Pending => Ok(None),
            State::Failed | State::Cancelled => match future.value() {
                Ok(_) => Ok(None),
                Err(raised) => Ok(Some(raised.take())),
            },
        }
    }

    /// Steps the coroutine and does what its answer asks for.
    #[inline]
    fn run_step(&self, error: Option<Obj>) -> Result<()> {
        let Some(coro) = self.coro.get() else {
            return Err(Error::runtime("uninitialized Task object"));
        };
        let step = match &error {
            None => send_none(&coro),
            Some(error) => return self.throw_in(&coro, error),
        };
        self.take_step(step)
    }

    #[inline]
    fn take_step(&self, step: Step) -> Result<()> {
        match step {
            Step::Yield(awaited) => self.wait_for(awaited),
            Step::Return(result) => self.end_with_result(result),
            Step::Raise(raised) => self.end_with_error(raised),
        }
    }

    fn throw_in(&self, coro: &Obj, error: &Obj) -> Result<()> {
        if self.cancel_requests.get() == 0 || !self.is_observed() {
            return self.take_step(throw(coro, error));
        }
        let seen = observed::CANCELLING.tell([self.obj(), error]);
        self.take_step(throw(coro, error))?;
        if let Some(seen) = seen.filter(|seen| !seen.is_none()) {
            observed::CANCELLED.tell([self.obj(), &seen]);
        }
        Ok(())
    }

    fn is_observed(&self) -> bool {
        self.future.event_loop.get().is_some_and(|event_loop| observed::observes(&event_loop))
    }

    #[inline]
    fn end_with_result(&self, result: Obj) -> Result<()> {
        if self.must_cancel.replace(false) {
            let message = self.future.cancel_message();
            self.upcast::<Future>().cancel_future(message)?;
        } else {
            self.upcast::<Future>().finish(result)?;
        }
        task_list::remove(self);
        Ok(())
    }

    #[cold]
    fn end_with_error(&self, raised: Raised) -> Result<()> {
        let stop = raised.stops_the_loop();
        let error = raised.take();
        let future: &Own<Future> = self.upcast();
        if error.is_real_instance(py::CANCELLED_ERROR.get()?) {
            self.future.remember_cancelled_error(error);
            future.cancel_future(None)?;
            task_list::remove(self);
            return Ok(());
        }
        failure::task_failed(self.obj(), &error);
        future.fail(error.clone())?;
        task_list::remove(self);
        if !stop && self.is_observed() {
            observed::TASK_FAILED.tell([self.obj()]);
        }
        if stop { Err(Raised::exception(error)) } else { Ok(()) }
    }

    /// The coroutine has yielded `awaited`: links the task to it, or schedules the next step.
    #[inline]
    fn wait_for(&self, awaited: Obj) -> Result<()> {
        if let Some(future) = Own::<Future>::from_exact_kind(&awaited) {
            return self.wait_for_future(future);
        }
        if awaited.is_none() {
            return self.schedule_step(None);
        }
        self.wait_for_foreign(awaited)
    }

    #[inline]
    fn wait_for_future(&self, future: &Own<Future>) -> Result<()> {
        if future.obj().is(self.obj()) {
            return self.bad_yield(format!("Task cannot await on itself: {}", self.obj().repr_text()));
        }
        if !future.event_loop.holds_the_same(&self.future.event_loop) {
            return self.other_loop(future.obj());
        }
        if !future.blocking.replace(false) {
            return self.no_yield_from(future.obj());
        }
        self.waits_for.set(future.obj().clone());
        future.add_waiter(Callback::Task(self.clone()))?;
        if self.must_cancel.get() && self.cancel_awaited(future.obj(), self.future.cancel_message())? {
            self.must_cancel.set(false);
        }
        Ok(())
    }

    /// A future of another class: any object with `_asyncio_future_blocking`.
    fn wait_for_foreign(&self, awaited: Obj) -> Result<()> {
        match awaited.attr_opt(&py::ASYNCIO_FUTURE_BLOCKING)? {
            Some(blocking) if !blocking.is_none() => {
                let event_loop = self.future.loop_of()?;
                if !loop_of_foreign(&awaited)?.is(&event_loop) {
                    return self.other_loop(&awaited);
                }
                if !blocking.truth()? {
                    return self.no_yield_from(&awaited);
                }
                if awaited.is(self.obj()) {
                    return self.bad_yield(format!("Task cannot await on itself: {}", self.obj().repr_text()));
                }
                awaited.set_attr(&py::ASYNCIO_FUTURE_BLOCKING, &Obj::bool(false))?;
                let keywords = Obj::tuple([py::CONTEXT.obj().clone()])?;
                let wakeup = self.obj().attr(&py::WAKEUP)?;
                let context = self.context.get_or_none();
                awaited.call_method_with(&py::ADD_DONE_CALLBACK, [&wakeup, &context], 1, Some(&keywords))?;
                self.waits_for.set(awaited.clone());
                if cfg!(Py_3_14) {
                    NOTE_AWAITED.get()?.call([&awaited, self.obj()])?;
                }
                if self.must_cancel.get() && self.cancel_awaited(&awaited, self.future.cancel_message())? {
                    self.must_cancel.set(false);
                }
                Ok(())
            }
            _ if awaited.is_generator() => self.bad_yield(format!(
                "yield was used instead of yield from for generator in task {} with {}",
                self.obj().repr_text(),
                awaited.repr_text()
            )),
            _ => self.bad_yield(format!("Task got bad yield: {}", awaited.repr_text())),
        }
    }

    #[cold]
    fn other_loop(&self, future: &Obj) -> Result<()> {
        self.bad_yield(format!(
            "Task {} got Future {} attached to a different loop",
            self.obj().repr_text(),
            future.repr_text()
        ))
    }

    #[cold]
    fn no_yield_from(&self, future: &Obj) -> Result<()> {
        self.bad_yield(format!(
            "yield was used instead of yield from in task {} with {}",
            self.obj().repr_text(),
            future.repr_text()
        ))
    }

    #[cold]
    fn bad_yield(&self, message: String) -> Result<()> {
        let error = exception::runtime_error().call([&Obj::str(&message)?])?;
        self.schedule_step(Some(error))
    }

    /// Schedules the next step.
    #[inline]
    pub fn schedule_step(&self, error: Option<Obj>) -> Result<()> {
        let event_loop = self.future.loop_of()?;
        if let Some(ours) = Own::<EventLoop>::from_obj(&event_loop)
            && ours.takes_directly()?
        {
            match error {
                None => ours.push(|| Ready::Step(self.clone())),
                Some(error) => ours.push(|| Ready::Throw(self.clone(), error)),
            }
            return Ok(());
        }
        let context = self.context.get_or_none();
        event_loop::call_soon_foreign(&event_loop, &self.obj().attr(&py::STEP)?, error.as_ref(), &context)
    }

    /// Cancels what the task waits for.
    fn cancel_awaited(&self, awaited: &Obj, message: Option<Obj>) -> Result<bool> {
        if let Some(future) = Own::<Future>::from_exact(awaited) {
            return future.cancel_future(message);
        }
        // Tasks may wait for one another in a circle, or in a very long line.
        if let Some(task) = Own::<Task>::from_exact(awaited) {
            return exception::guard_recursion(|| task.cancel_task(message));
        }
        if let Some(gather) = Own::<Gather>::from_exact(awaited) {
            return exception::guard_recursion(|| gather.cancel_children(message));
        }
        let keywords = Obj::tuple([py::MSG.obj().clone()])?;
        let message = message.unwrap_or_else(Obj::none);
        awaited.call_method_with(&py::CANCEL, [&message], 0, Some(&keywords))?.truth()
    }

    /// `cancel(msg)`.
    pub fn cancel_task(&self, message: Option<Obj>) -> Result<bool> {
        self.future.retrieved();
        if self.future.is_done() {
            return Ok(false);
        }
        self.cancel_requests.set(self.cancel_requests.get().saturating_add(1));
        if self.cancel_requests.get() == OFTEN && self.is_observed() {
            observed::CANCELLED_OFTEN.tell([self.obj()]);
        }
        if let Some(awaited) = self.waits_for.get() {
            // The future stays noted: it may be a task that ignores the cancellation, to be cancelled again later.
            if self.cancel_awaited(&awaited, message.clone())? {
                return Ok(true);
            }
        }
        self.must_cancel.set(true);
        self.future.set_cancel_message(message);
        Ok(true)
    }

    /// Nothing is said if it dies pending.
    pub fn die_silently(&self) {
        self.log_destroy_pending.set(false);
    }

    fn report_destroyed(&self) {
        if self.is_observed() {
            observed::TASK_DESTROYED.tell([self.obj()]);
        }
        let report = || {
            let event_loop = self.future.loop_of()?;
            let context = Obj::dict()?;
            context.dict_set(py::TASK.obj(), self.obj())?;
            context.dict_set(py::MESSAGE.obj(), &Obj::str("Task was destroyed but it is pending!")?)?;
            if let Some(source) = self.future.source_traceback() {
                context.dict_set(py::SOURCE_TRACEBACK.obj(), &source)?;
            }
            event_loop.call_method(&py::CALL_EXCEPTION_HANDLER, [&context])
        };
        if report().is_err() {
            self.obj().write_unraisable();
        }
    }

    /// Runs a step for a loop that is not ours, or through a handle: with asyncio's own bookkeeping around it.
    fn step_foreign(&self, error: Option<Obj>) -> Result<()> {
        if self.future.is_done() {
            return Err(self.already_done(error));
        }
        let error = self.take_error(error)?;
        let event_loop = self.future.loop_of()?;
        current_task::enter_foreign(&event_loop, self.obj())?;
        let failed = self.run_step(error).err().map(Raised::take);
        let left = current_task::leave_foreign(&event_loop, self.obj());
        match failed {
            Some(error) => {
                if let Err(raised) = left {
                    raised.clear();
                }
                Err(Raised::exception(error))
            }
            None => left,
        }
    }

    /// The same, woken by a future of any class.
    fn wake_foreign(&self, future: &Obj) -> Result<()> {
        if let Some(ours) = Own::<Future>::from_exact_kind(future) {
            return self.step_foreign(Own::<Task>::error_of(ours)?);
        }
        if cfg!(Py_3_14) {
            NOTE_NOT_AWAITED.get()?.call([future, self.obj()])?;
        }
        match future.call_method(&py::RESULT, []) {
            Ok(_) => self.step_foreign(None),
            Err(raised) => self.step_foreign(Some(raised.take())),
        }
    }
}

/// For call graphs (3.14); a future that is not asyncio's own takes no notice.
static NOTE_AWAITED: Import = Import::new("_asyncio", "future_add_to_awaited_by");
static NOTE_NOT_AWAITED: Import = Import::new("_asyncio", "future_discard_from_awaited_by");

fn check_context(context: Obj) -> Result<Obj> {
    if cfg!(Py_3_15) && !is_context(&context) {
        return Err(Error::type_(format!("a contextvars.Context was expected, got {}", context.type_name())));
    }
    Ok(context)
}

fn name_text(name: &Obj) -> Result<Obj> {
    static STR: Import = Import::new("builtins", "str");
    STR.get()?.call([name])
}

fn is_running(event_loop: &Obj) -> Result<bool> {
    match Own::<EventLoop>::from_obj(event_loop) {
        Some(ours) => Ok(ours.is_running()),
        None => event_loop.call_method(&py::IS_RUNNING, [])?.truth(),
    }
}

/// The loop of any future: `get_loop()`, or `_loop` where there is no such method.
fn loop_of_foreign(future: &Obj) -> Result<Obj> {
    match future.attr_opt(&py::GET_LOOP)? {
        Some(get_loop) => get_loop.call0(),
        None => future.attr(&py::_LOOP),
    }
}
