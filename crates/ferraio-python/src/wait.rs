//! What `wait(fs)` waits for: a future that ends when enough others are done.
//!
//! It is told of each by an entry of the ready ring, not by a callable, in the turn in which asyncio calls back.

use std::cell::Cell;

use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::class::StartsWith;
use crate::ffi::{Args, Class, ClassCell, Name, Obj, Own, Result, Visit, class};
use crate::future::{Callback, Future, State};
use crate::imports::{self as py};
use crate::{method, task};

/// The future.
#[repr(C)]
pub struct Wait {
    future: Future,
    /// How many are not done yet.
    unfinished: Cell<usize>,
    until: Cell<Until>,
}

/// When it ends.
#[derive(Clone, Copy)]
enum Until {
    AllDone,
    FirstDone,
    FirstFailed,
}

static CELL: ClassCell = ClassCell::new();
static CANCELLED: Name = Name::new("cancelled");
static CHILD_DONE: Name = Name::new("child_done");
static REMOVE_DONE_CALLBACK: Name = Name::new("remove_done_callback");

// SAFETY: `repr(C)`, the future is the first field, and both classes are made with the same offset.
unsafe impl StartsWith<Future> for Wait {}

impl Class for Wait {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio._WaitingFuture";
    const DOC: &'static std::ffi::CStr = c"What wait() waits for: that enough of several futures are done.";
    const OVER_BASE: bool = true;
    const KEEP: usize = 100;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    // The base class shows what the future holds.
    fn traverse(&self, _: &mut Visit) {}

    fn needs_finalizer(&self) -> bool {
        self.future.needs_finalizer()
    }

    fn finalize(this: &Own<Self>) {
        Future::finalize(this.upcast());
    }
}

/// `_wait_for_some(loop, futures, return_when)`: begins to wait for a set of futures, in a loop of ours.
pub fn wait_for_some(args: Args<'_>) -> Result<Obj> {
    let [event_loop, futures, return_when] = args.positional else {
        return Err(Error::type_("_wait_for_some() takes 3 arguments"));
    };
    let until = match return_when.as_text()?.as_str() {
        "FIRST_COMPLETED" => Until::FirstDone,
        "FIRST_EXCEPTION" => Until::FirstFailed,
        _ => Until::AllDone,
    };
    let wait =
        Own::new(|| Wait { future: Future::uninitialised(), unfinished: Cell::new(0), until: Cell::new(until) })?;
    wait.future.event_loop.set(event_loop.clone());
    if Own::<EventLoop>::from_obj(event_loop).is_some_and(|ours| ours.debug()) {
        wait.future.begin(Some(event_loop.clone()))?;
    }
    let mut all = Vec::new();
    futures.for_each(|future| {
        if Own::<Future>::from_exact_kind(&future).is_none() && task::is_coroutine(&future)? {
            return Err(Error::type_("Passing coroutines is forbidden, use tasks explicitly."));
        }
        all.push(future);
        Ok(())
    })?;
    wait.unfinished.set(all.len());
    for future in &all {
        match Own::<Future>::from_exact_kind(future) {
            Some(ours) => ours.add_waiter(Callback::Wait(wait.clone()))?,
            None => drop(future.call_method(&py::ADD_DONE_CALLBACK, [&wait.obj().attr(&CHILD_DONE)?])?),
        }
    }
    Ok(wait.into_obj())
}

impl Own<Wait> {
    /// One of ours is done.
    pub fn child_done(&self, child: &Own<Future>) -> Result<()> {
        self.note_done(|| match child.state() {
            State::Failed => {
                child.retrieved();
                Ok(true)
            }
            State::Finished | State::Cancelled | State::Pending => Ok(false),
        })
    }

    /// One of any class is done.
    fn child_done_object(&self, child: &Obj) -> Result<()> {
        match Own::<Future>::from_exact_kind(child) {
            Some(ours) => self.child_done(ours),
            None => self.note_done(|| {
                let cancelled = child.call_method(&CANCELLED, [])?.truth()?;
                Ok(!cancelled && !child.call_method(&py::EXCEPTION, [])?.is_none())
            }),
        }
    }

    /// `failed` looks at its exception, which so counts as seen: only if that decides something.
    fn note_done(&self, failed: impl FnOnce() -> Result<bool>) -> Result<()> {
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
        let enough = self.unfinished.get() == 0
            || match self.until.get() {
                Until::AllDone => false,
                Until::FirstDone => true,
                Until::FirstFailed => failed()?,
            };
        if enough && !self.future.is_done() {
            self.upcast::<Future>().finish(Obj::none())?;
        }
        Ok(())
    }

    /// Waits no more for those that are not done.
    fn leave(&self, futures: &Obj) -> Result<Obj> {
        let (done, pending) = (Obj::set()?, Obj::set()?);
        futures.for_each(|future| {
            let is_done = match Own::<Future>::from_exact_kind(&future) {
                Some(ours) => {
                    ours.remove_wait(self);
                    ours.is_done()
                }
                None => {
                    future.call_method(&REMOVE_DONE_CALLBACK, [&self.obj().attr(&CHILD_DONE)?])?;
                    future.call_method(&py::DONE, [])?.truth()?
                }
            };
            if is_done { done.set_add(&future) } else { pending.set_add(&future) }
        })?;
        Obj::tuple([done, pending])
    }
}

// What Python sees.

fn child_done(this: &Own<Wait>, child: &Obj) -> Result<Obj> {
    this.child_done_object(child)?;
    Ok(Obj::none())
}

fn time_is_over(this: &Own<Wait>) -> Result<Obj> {
    if !this.future.is_done() {
        this.upcast::<Future>().finish(Obj::none())?;
    }
    Ok(Obj::none())
}

/// The callable that a future of another class is given.
pub fn child_done_name() -> &'static Name {
    &CHILD_DONE
}

/// Makes the class, a subclass of `Future`.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let parts = class::ClassParts {
        base: Some(Future::cell().obj().clone()),
        offset: Some(task::offset()?),
        methods: vec![
            method!(Wait, "child_done", one, child_done, "Note that one is done."),
            method!(Wait, "time_is_over", noargs, time_is_over, "End, whatever is done."),
            method!(
                Wait,
                "leave",
                one,
                Own::<Wait>::leave,
                "leave(futures)\n\nWait no more; return the set of those done and the set of the others."
            ),
        ],
        ..Default::default()
    };
    class::make::<Wait>(module, parts)
}
