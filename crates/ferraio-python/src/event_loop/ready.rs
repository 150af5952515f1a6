//! What the ready ring holds, and how each entry is run.
//!
//! Tasks stand in the ring themselves: no handle, argument tuple or context copy is made for a step. In debug mode, and
//! while somebody has patched `asyncio.Handle._run`, each entry is first turned into the handle that asyncio would have.

use super::watch::{Direction, Target};
use super::{EventLoop, visit_handle};
use crate::ffi::coroutine::copy_context;
use crate::ffi::{Import, Obj, Own, Raised, Result, Visit};
use crate::future::Future;
use crate::gather::Gather;
use crate::handle::{Arguments, Handle};
use crate::imports::{self as py};
use crate::task::Task;
use crate::task_group::TaskGroup;
use crate::thread_safe_handle::ThreadSafeHandle;
use crate::transport::SocketTransport;
use crate::wait::{self, Wait};

/// One entry of the ready ring.
#[repr(usize)]
pub enum Ready {
    /// Step a task.
    Step(Own<Task>),
    /// Step a task by throwing an exception in.
    Throw(Own<Task>, Obj),
    /// Step a task because the future it waited for is done.
    Wake(Own<Task>, Own<Future>),
    /// A child of a gather is done.
    Gather(Own<Gather>, Own<Future>),
    /// A child of a task group is done.
    Group(Own<TaskGroup>, Own<Future>),
    /// One of those that a `wait` waits for is done.
    Wait(Own<Wait>, Own<Future>),
    /// The time of a sleep is over.
    Awake(Own<Future>),
    /// Run a handle of ours.
    Handle(Own<Handle>),
    /// Run one that other threads may look at meanwhile.
    ThreadSafe(Own<ThreadSafeHandle>),
    /// Run a handle of asyncio's own class.
    Foreign(Obj),
    /// An fd is ready.
    Io(Target, Direction),
    /// The protocol of a transport knows of it: reading may begin.
    Begin(Own<SocketTransport>),
    /// A connection is over: its protocol is told.
    End(Own<SocketTransport>),
}

impl From<Own<Handle>> for Ready {
    fn from(handle: Own<Handle>) -> Self {
        match Own::<ThreadSafeHandle>::from_exact(handle.obj()) {
            Some(handle) => Ready::ThreadSafe(handle.clone()),
            None => Ready::Handle(handle),
        }
    }
}

impl Ready {
    /// Runs it. Only exceptions that stop the loop come back.
    #[inline]
    pub fn run(self, event_loop: &Own<EventLoop>) -> Result<()> {
        match self {
            Ready::Step(task) => step(event_loop, task, None),
            Ready::Wake(task, future) => {
                let error = Own::<Task>::error_of(&future)?;
                drop(future);
                step(event_loop, task, error)
            }
            Ready::Throw(task, error) => step(event_loop, task, Some(error)),
            Ready::Gather(gather, child) => {
                event_loop.leave_task()?;
                report(event_loop, gather.child_done(&child), gather.obj())
            }
            Ready::Group(group, child) => {
                event_loop.leave_task()?;
                report(event_loop, group.child_done(&child), group.obj())
            }
            Ready::Wait(wait, child) => {
                event_loop.leave_task()?;
                report(event_loop, wait.child_done(&child), wait.obj())
            }
            Ready::Awake(future) => {
                if future.is_done() {
                    return Ok(());
                }
                event_loop.leave_task()?;
                report(event_loop, future.finish(Obj::none()), future.obj())
            }
            Ready::Handle(handle) => {
                if handle.is_cancelled() {
                    return Ok(());
                }
                event_loop.leave_task()?;
                handle.run_for_good()
            }
            Ready::ThreadSafe(handle) => {
                event_loop.leave_task()?;
                let outcome = handle.run();
                handle.upcast::<Handle>().release();
                outcome
            }
            Ready::Foreign(handle) => {
                static CANCELLED: crate::ffi::Name = crate::ffi::Name::new("_cancelled");
                if handle.attr(&CANCELLED)?.truth()? {
                    return Ok(());
                }
                event_loop.leave_task()?;
                handle.call_method(&py::RUN_HANDLE, []).map(drop)
            }
            Ready::Io(target, direction) => {
                event_loop.leave_task()?;
                match target.run(direction) {
                    Ok(()) => Ok(()),
                    Err(raised) => report_io(event_loop, raised, &target, direction),
                }
            }
            Ready::Begin(transport) => {
                event_loop.leave_task()?;
                report(event_loop, transport.start_reading(), transport.obj())
            }
            Ready::End(transport) => {
                event_loop.leave_task()?;
                transport.end(event_loop)
            }
        }
    }

    /// Will be run soon: has what it needs fetched from memory meanwhile.
    #[inline(always)]
    pub fn prefetch(&self) {
        match self {
            Ready::Wake(task, future) => {
                task.obj().prefetch(5);
                future.obj().prefetch(4);
            }
            Ready::Awake(future) => future.obj().prefetch(4),
            _ => {}
        }
    }

    /// Will be run very soon, and what `prefetch` asked for is there: has what that leads to fetched.
    #[inline(always)]
    pub fn prefetch_further(&self) {
        if let Ready::Wake(task, _) = self {
            task.prefetch_coroutine();
        }
    }

    /// Runs it through a handle: timed in debug mode, or by the `_run` that somebody has patched into asyncio's class.
    #[cold]
    pub fn run_observed(self, event_loop: &Own<EventLoop>, patched: bool) -> Result<()> {
        static RUN: Import = Import::new("ferraio._cold", "run_handle");
        let runs_once = !matches!(self, Ready::Io(..) | Ready::Foreign(_));
        let handle = self.into_handle(event_loop)?;
        event_loop.leave_task()?;
        event_loop.current_handle.set(handle.clone());
        let outcome = RUN.get()?.call([event_loop.obj(), &handle, &Obj::bool(patched), &Obj::bool(event_loop.debug())]);
        event_loop.current_handle.clear();
        if let (true, Some(ours)) = (runs_once, Own::<Handle>::from_obj(&handle)) {
            // A failed task keeps its exception, that the frames it went through, and those of `_run` the handle: the
            // collector does not know handles, so this one must not lead back to the task.
            ours.release();
        }
        outcome.map(drop)
    }

    /// The handle that asyncio would have in its place.
    pub fn into_handle(self, event_loop: &Own<EventLoop>) -> Result<Obj> {
        let (callback, argument, context) = match self {
            Ready::Handle(handle) => return Ok(handle.into_obj()),
            Ready::ThreadSafe(handle) => return Ok(handle.into_obj()),
            Ready::Foreign(handle) => return Ok(handle),
            Ready::Io(Target::Handle(handle), _) => return Ok(handle.into_obj()),
            Ready::Step(task) => (task.obj().attr(&py::STEP)?, None, task.context.get()),
            Ready::Throw(task, error) => (task.obj().attr(&py::STEP)?, Some(error), task.context.get()),
            Ready::Wake(task, future) => (task.obj().attr(&py::WAKEUP)?, Some(future.into_obj()), task.context.get()),
            Ready::Gather(gather, child) => {
                (gather.obj().attr(crate::gather::done_child_name())?, Some(child.into_obj()), None)
            }
            Ready::Group(group, child) => {
                (group.obj().attr(&crate::task_group::ON_TASK_DONE)?, Some(child.into_obj()), None)
            }
            Ready::Wait(wait, child) => (wait.obj().attr(wait::child_done_name())?, Some(child.into_obj()), None),
            Ready::Awake(future) => {
                static SET_RESULT: Import = Import::new("ferraio._cold", "end_sleep");
                (SET_RESULT.get()?.clone(), Some(future.into_obj()), None)
            }
            Ready::Io(target, direction) => {
                let (callback, context) = target.callback(direction)?;
                (callback, None, context)
            }
            Ready::Begin(transport) => (transport.begin_callback()?, None, None),
            Ready::End(transport) => {
                let (callback, reason, context) = transport.end_callback()?;
                (callback, Some(reason), context)
            }
        };
        let context = match context {
            Some(context) => context,
            None => copy_context()?,
        };
        let arguments = argument.map_or(Arguments::None, Arguments::One);
        Ok(Own::<Handle>::create(event_loop, callback, arguments, context)?.into_obj())
    }

    /// Another reference to the same.
    pub fn share(&self) -> Ready {
        match self {
            Ready::Step(task) => Ready::Step(task.clone()),
            Ready::Throw(task, error) => Ready::Throw(task.clone(), error.clone()),
            Ready::Wake(task, future) => Ready::Wake(task.clone(), future.clone()),
            Ready::Gather(gather, child) => Ready::Gather(gather.clone(), child.clone()),
            Ready::Group(group, child) => Ready::Group(group.clone(), child.clone()),
            Ready::Wait(wait, child) => Ready::Wait(wait.clone(), child.clone()),
            Ready::Awake(future) => Ready::Awake(future.clone()),
            Ready::Handle(handle) => Ready::Handle(handle.clone()),
            Ready::ThreadSafe(handle) => Ready::ThreadSafe(handle.clone()),
            Ready::Foreign(handle) => Ready::Foreign(handle.clone()),
            Ready::Io(target, direction) => Ready::Io(target.clone(), *direction),
            Ready::Begin(transport) => Ready::Begin(transport.clone()),
            Ready::End(transport) => Ready::End(transport.clone()),
        }
    }

    /// Shows what it holds to the garbage collector.
    pub fn visit(&self, visit: &mut Visit) {
        match self {
            Ready::Step(task) => visit.own(task),
            Ready::Throw(task, error) => {
                visit.own(task);
                visit.object(error);
            }
            Ready::Wake(task, future) => {
                visit.own(task);
                visit.own(future);
            }
            Ready::Gather(gather, child) => {
                visit.own(gather);
                visit.own(child);
            }
            Ready::Group(group, child) => {
                visit.own(group);
                visit.own(child);
            }
            Ready::Wait(wait, child) => {
                visit.own(wait);
                visit.own(child);
            }
            Ready::Awake(future) => visit.own(future),
            Ready::Handle(handle) => visit_handle(handle, visit),
            Ready::ThreadSafe(handle) => visit_handle(handle.upcast(), visit),
            Ready::Foreign(handle) => visit.object(handle),
            Ready::Io(target, _) => target.visit(visit),
            Ready::Begin(transport) | Ready::End(transport) => visit.own(transport),
        }
    }

    /// It will not be run: lets go of what could be part of a cycle.
    pub fn release(&self) {
        match self {
            Ready::Handle(handle) => handle.release(),
            Ready::ThreadSafe(handle) => handle.upcast::<Handle>().release(),
            _ => {}
        }
    }
}

#[inline(always)]
fn step(event_loop: &Own<EventLoop>, task: Own<Task>, error: Option<Obj>) -> Result<()> {
    event_loop.enter_task(task.obj())?;
    match task.step_in_context(error) {
        Ok(()) => Ok(()),
        Err(raised) => report(event_loop, Err(raised), task.obj()),
    }
}

/// An exception that does not stop the loop goes to its exception handler.
#[inline(always)]
fn report(event_loop: &Own<EventLoop>, outcome: Result<()>, whose: &Obj) -> Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(raised) => report_error(event_loop, raised, whose),
    }
}

/// Like [`report`], as asyncio reports an exception of the handle that it has in place of the target.
#[cold]
fn report_io(event_loop: &Own<EventLoop>, raised: Raised, target: &Target, direction: Direction) -> Result<()> {
    // Attributes cannot be looked up while an exception is set.
    let error = raised.take();
    let (callback, context) = target.callback(direction)?;
    let context = context.map_or_else(copy_context, Ok)?;
    Own::<Handle>::report_without(event_loop, callback, Arguments::None, context, error)
}

#[cold]
fn report_error(event_loop: &Own<EventLoop>, raised: Raised, whose: &Obj) -> Result<()> {
    if raised.stops_the_loop() {
        return Err(raised);
    }
    let error = raised.take();
    let context = Obj::dict()?;
    context.dict_set(py::MESSAGE.obj(), &Obj::str(&format!("Exception in callback of {}", whose.repr_text()))?)?;
    context.dict_set(py::EXCEPTION.obj(), &error)?;
    event_loop.obj().call_method(&py::CALL_EXCEPTION_HANDLER, [&context]).map(drop)
}
