//! `gather(*awaitables, return_exceptions=False)`.
//!
//! The outer future keeps the books itself: a child that is done is an entry of the ready ring, not a callable. In what
//! order things happen, what becomes of errors and cancellations, and `_children` are as in asyncio.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::event_loop::{EventLoop, observed};
use crate::ffi::class::StartsWith;
use crate::ffi::{Args, Class, ClassCell, Import, Name, Obj, Own, Result, Visit, class};
use crate::future::{Callback, Future, State};
use crate::imports::{self as py};
use crate::task::{self, Options, Task};
use crate::{attribute, method, slot};

/// The outer future.
#[repr(C)]
pub struct Gather {
    future: Future,
    children: RefCell<Vec<Obj>>,
    /// How many different children are not done yet.
    unfinished: Cell<usize>,
    return_exceptions: Cell<bool>,
    cancel_requested: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("ferraio._cold", "gather");

// SAFETY: `repr(C)`, the future is the first field, and both classes are made with the same offset.
unsafe impl StartsWith<Future> for Gather {}

impl Class for Gather {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio._GatheringFuture";
    const DOC: &'static std::ffi::CStr = c"What gather() returns: cancelling it cancels all children.";
    const OVER_BASE: bool = true;
    const KEEP: usize = 100;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    // The base class shows what the future holds.
    fn traverse(&self, visit: &mut Visit) {
        if let Ok(children) = self.children.try_borrow() {
            children.iter().for_each(|child| visit.object(child));
        }
    }

    fn clear(&self) {
        drop(self.children.take());
    }

    fn needs_finalizer(&self) -> bool {
        self.future.needs_finalizer()
    }

    fn finalize(this: &Own<Self>) {
        Future::finalize(this.upcast());
    }
}

/// Addresses are spread enough when their low bits, which are always zero, are gone.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only addresses are hashed");
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Which awaitable has become which child.
type Known = HashMap<usize, Obj, BuildHasherDefault<AddressHasher>>;

/// `ferraio.gather(*coros_or_futures, return_exceptions=False)`.
pub fn gather(args: Args<'_>) -> Result<Obj> {
    static GET: Import = Import::new("_asyncio", "_get_running_loop");
    let running = GET.get()?.call0()?;
    let Some(event_loop) = Own::<EventLoop>::from_obj(&running).filter(|ours| ours.is_direct()) else {
        return original(args);
    };
    if args.positional.is_empty() || args.positional.iter().any(|arg| is_future_of_another(arg, &running)) {
        return original(args);
    }
    let return_exceptions = match args.only_keyword("gather", &RETURN_EXCEPTIONS)? {
        Some(flag) => flag.truth()?,
        None => false,
    };
    let outer = Own::new(|| Gather {
        future: Future::uninitialised(),
        children: RefCell::new(Vec::with_capacity(args.positional.len())),
        unfinished: Cell::new(0),
        return_exceptions: Cell::new(return_exceptions),
        cancel_requested: Cell::new(false),
    })?;
    outer.future.event_loop.set(running.clone());
    if event_loop.debug() {
        outer.future.begin(Some(running.clone()))?;
    }
    let mut done = Vec::new();
    if let [only] = args.positional {
        outer.adopt(event_loop, only, &mut done)?;
    } else {
        outer.adopt_all(event_loop, args.positional, &mut done)?;
    }
    for child in done {
        outer.child_done_object(&child)?;
    }
    Ok(outer.into_obj())
}

static RETURN_EXCEPTIONS: Name = Name::new("return_exceptions");

fn original(args: Args<'_>) -> Result<Obj> {
    let keywords = Obj::dict()?;
    args.for_each_keyword(|name, value| keywords.dict_set(name, value))?;
    ORIGINAL.get()?.call_tuple_dict(&Obj::tuple_from(args.positional.iter().cloned())?, Some(&keywords))
}

/// asyncio knows what to say of a future of another loop.
fn is_future_of_another(arg: &Obj, event_loop: &Obj) -> bool {
    Own::<Future>::from_exact_kind(arg).is_some_and(|future| !future.event_loop.holds(event_loop))
}

impl Own<Gather> {
    fn adopt_all(&self, event_loop: &Own<EventLoop>, awaitables: &[Obj], done: &mut Vec<Obj>) -> Result<()> {
        let mut known = Known::with_capacity_and_hasher(awaitables.len(), BuildHasherDefault::default());
        for awaitable in awaitables {
            let address = awaitable.as_ptr() as usize;
            if let Some(child) = known.get(&address) {
                self.children.borrow_mut().push(child.clone());
                continue;
            }
            known.insert(address, self.adopt(event_loop, awaitable, done)?);
        }
        Ok(())
    }

    /// Makes an awaitable a child.
    #[inline]
    fn adopt(&self, event_loop: &Own<EventLoop>, awaitable: &Obj, done: &mut Vec<Obj>) -> Result<Obj> {
        let child = as_future(event_loop, awaitable)?;
        self.unfinished.set(self.unfinished.get() + 1);
        self.children.borrow_mut().push(child.clone());
        match Own::<Future>::from_exact_kind(&child) {
            Some(ours) if ours.is_done() => done.push(child.clone()),
            Some(ours) => ours.push_callback(Callback::Gather(self.clone())),
            None if child.call_method(&py::DONE, [])?.truth()? => done.push(child.clone()),
            None => drop(child.call_method(&py::ADD_DONE_CALLBACK, [&self.obj().attr(&CHILD_DONE)?])?),
        }
        Ok(child)
    }

    /// A child of ours is done.
    #[inline]
    pub fn child_done(&self, child: &Own<Future>) -> Result<()> {
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
        if self.future.is_done() {
            // Nobody will ask any more: its exception counts as seen.
            child.retrieved();
            if self.unfinished.get() == 0 {
                self.tell(&observed::GATHER_ENDED);
            }
            return Ok(());
        }
        if !self.return_exceptions.get() {
            match child.state() {
                State::Finished | State::Pending => {}
                State::Failed => {
                    child.retrieved();
                    return self.fail(child.failure().unwrap_or_else(Obj::none));
                }
                State::Cancelled => return self.fail(child.cancelled_error()?),
            }
        }
        if self.unfinished.get() > 0 {
            return Ok(());
        }
        self.complete()
    }

    /// A child has ended it.
    #[cold]
    fn fail(&self, error: Obj) -> Result<()> {
        if self.cancel_requested.get() {
            self.tell(&observed::GATHER_CANCELLED);
        } else if self.unfinished.get() > 0 {
            self.tell(&observed::GATHER_FAILED);
        }
        self.upcast::<Future>().fail(error)
    }

    #[cold]
    fn tell(&self, event: &observed::Event) {
        if self.future.event_loop.get().is_some_and(|event_loop| observed::observes(&event_loop)) {
            event.tell([self.obj()]);
        }
    }

    /// A child of any class is done.
    fn child_done_object(&self, child: &Obj) -> Result<()> {
        if let Some(ours) = Own::<Future>::from_exact_kind(child) {
            return self.child_done(ours);
        }
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
        let cancelled = child.call_method(&CANCELLED, [])?.truth()?;
        if self.future.is_done() {
            if !cancelled {
                child.call_method(&py::EXCEPTION, [])?;
            }
            if self.unfinished.get() == 0 {
                self.tell(&observed::GATHER_ENDED);
            }
            return Ok(());
        }
        if !self.return_exceptions.get() {
            if cancelled {
                return self.fail(child.call_method(&MAKE_CANCELLED_ERROR, [])?);
            }
            let error = child.call_method(&py::EXCEPTION, [])?;
            if !error.is_none() {
                return self.fail(error);
            }
        }
        if self.unfinished.get() > 0 {
            return Ok(());
        }
        self.complete()
    }

    /// All children are done.
    fn complete(&self) -> Result<()> {
        let children = self.children.borrow().clone();
        if self.cancel_requested.get() {
            self.tell(&observed::GATHER_CANCELLED);
            for child in &children {
                result_of(child)?;
            }
            // asyncio asks the last of the list, not the one that was done last.
            let last = children.last().expect("a gather of nothing is asyncio's own");
            let error = match Own::<Future>::from_exact_kind(last) {
                Some(ours) => ours.cancelled_error()?,
                None => last.call_method(&MAKE_CANCELLED_ERROR, [])?,
            };
            return self.upcast::<Future>().fail(error);
        }
        let results: Vec<Obj> = children.iter().map(result_of).collect::<Result<_>>()?;
        self.upcast::<Future>().finish(Obj::list_from(results.into_iter())?)
    }

    /// `cancel(msg)`.
    pub fn cancel_children(&self, message: Option<Obj>) -> Result<bool> {
        if self.future.is_done() {
            return Ok(false);
        }
        let children = self.children.borrow().clone();
        let keywords = Obj::tuple([py::MSG.obj().clone()])?;
        let message = message.unwrap_or_else(Obj::none);
        let mut cancelled = false;
        for child in children {
            cancelled |= child.call_method_with(&py::CANCEL, [&message], 0, Some(&keywords))?.truth()?;
        }
        if cancelled {
            // If any child took it, the outer future is cancelled once all children are done.
            self.cancel_requested.set(true);
        }
        Ok(cancelled)
    }
}

static CANCELLED: Name = Name::new("cancelled");
static CHILD_DONE: Name = Name::new("done_child");
static MAKE_CANCELLED_ERROR: Name = Name::new("_make_cancelled_error");

/// The future or task for an awaitable; tasks made here die silently with their gather.
#[inline]
fn as_future(event_loop: &Own<EventLoop>, awaitable: &Obj) -> Result<Obj> {
    static ENSURE_FUTURE: Import = Import::new("ferraio._cold", "ensure_future");
    static LOG_DESTROY_PENDING: Name = Name::new("_log_destroy_pending");
    if Own::<Future>::from_exact_kind(awaitable).is_some() {
        return Ok(awaitable.clone());
    }
    if event_loop.makes_own_tasks() && task::is_coroutine(awaitable)? {
        let task = Own::<Task>::create(event_loop, awaitable, Options::default())?;
        task.die_silently();
        return Ok(task.into_obj());
    }
    let future = ENSURE_FUTURE.get()?.call([awaitable, event_loop.obj()])?;
    if !future.is(awaitable) {
        future.set_attr(&LOG_DESTROY_PENDING, &Obj::bool(false))?;
    }
    Ok(future)
}

/// What a child contributes to the list of results.
#[inline]
fn result_of(child: &Obj) -> Result<Obj> {
    static RESULT: Import = Import::new("ferraio._cold", "result_or_exception");
    let Some(ours) = Own::<Future>::from_exact_kind(child) else {
        return RESULT.get()?.call([child]);
    };
    ours.retrieved();
    match ours.state() {
        State::Finished => Ok(ours.success().unwrap_or_else(Obj::none)),
        State::Failed => Ok(ours.failure().unwrap_or_else(Obj::none)),
        State::Cancelled | State::Pending => {
            // The one traceback that is worth something stays with the child.
            let message = ours.cancel_message().filter(|message| !message.is_none());
            py::CANCELLED_ERROR.get()?.call([&message.map_or_else(|| Obj::str(""), Ok)?])
        }
    }
}

// What Python sees.

fn cancel(this: &Own<Gather>, args: Args<'_>) -> Result<Obj> {
    let [message] = args.bind("cancel", [&py::MSG], 0, 1)?;
    this.cancel_children(message).map(Obj::bool)
}

fn done_child(this: &Own<Gather>, child: &Obj) -> Result<Obj> {
    this.child_done_object(child)?;
    Ok(Obj::none())
}

fn children(this: &Own<Gather>) -> Result<Obj> {
    let children = this.children.borrow().clone();
    Obj::list_from(children.into_iter())
}

fn cancel_requested(this: &Own<Gather>) -> Result<Obj> {
    Ok(Obj::bool(this.cancel_requested.get()))
}

fn repr(this: &Own<Gather>) -> Result<Obj> {
    py::FUTURE_REPR.get()?.call([this.obj()])
}

/// The callable that a child of another class is given.
pub fn done_child_name() -> &'static Name {
    &CHILD_DONE
}

/// Makes the class, a subclass of `Future`.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let parts = class::ClassParts {
        base: Some(Future::cell().obj().clone()),
        offset: Some(task::offset()?),
        methods: vec![
            method!(Gather, "cancel", keywords, cancel, "cancel(msg=None)\n\nCancel all children."),
            method!(Gather, "done_child", one, done_child, "Note that a child is done."),
        ],
        attributes: vec![
            attribute!(Gather, "_children", children),
            attribute!(Gather, "_cancel_requested", cancel_requested),
        ],
        slots: vec![slot!(Gather, repr, repr)],
    };
    class::make::<Gather>(module, parts)
}
