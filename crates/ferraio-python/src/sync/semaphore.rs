//! Semaphore and BoundedSemaphore: so many tasks at a time, in the order in which they asked.

use std::cell::Cell;

use super::{Waiters, Way, deque_in, is_cancellation, new_waiter, remove_waiter, somebody_waits, wake};
use crate::async_call::{AsyncCall, Body, Step, exit_arguments};
use crate::error::Error;
use crate::event_loop::observed;
use crate::ffi::async_function;
use crate::ffi::{
    Class, ClassCell, Deque, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class, exception,
};
use crate::future::{Future, State};
use crate::{attribute, method, slot, slot_attribute};

/// A semaphore.
#[derive(Default)]
pub struct Semaphore {
    /// How many may still come in.
    value: Cell<i64>,
    /// The same, if it is not an `int` that fits; then asyncio's own code does everything.
    odd_value: Slot,
    /// The limit of a `BoundedSemaphore`.
    bound: Slot,
    /// A deque of futures, once somebody had to wait.
    waiters: Slot,
    /// The loop it belongs to, once somebody had to wait.
    event_loop: Slot,
    /// Which way its calls take.
    way: Cell<Way>,
    /// Who holds it, as `ferraio.diagnose` has noted.
    holders: Slot,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.locks", "Semaphore");
static ORIGINAL_BOUNDED: Import = Import::new("asyncio.locks", "BoundedSemaphore");
static HOOKS: Hooks<5> = Hooks::new([
    Name::new("acquire"),
    Name::new("release"),
    Name::new("locked"),
    Name::new("_wake_up_next"),
    Name::new("_get_loop"),
]);

static ACQUIRE: Name = Name::new("acquire");
static RELEASE: Name = Name::new("release");
static LOCKED: Name = Name::new("locked");
static AENTER: Name = Name::new("__aenter__");
static AEXIT: Name = Name::new("__aexit__");

/// Before, versions of asyncio differ in whom they wake after a wait: there they wait by themselves.
const WAITS_HERE: bool = cfg!(Py_3_13);

impl Class for Semaphore {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Semaphore";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.Semaphore and ferraio.BoundedSemaphore.";
    const NEW: Option<fn() -> Self> = Some(Semaphore::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.odd_value.visit(visit);
        self.bound.visit(visit);
        self.waiters.visit(visit);
        self.event_loop.visit(visit);
        self.holders.visit(visit);
    }

    fn clear(&self) {
        self.odd_value.clear();
        self.bound.clear();
        self.waiters.clear();
        self.event_loop.clear();
        self.holders.clear();
    }
}

impl Own<Semaphore> {
    /// Are all methods the original ones, the value a number that fits, and nobody is told?
    #[inline(always)]
    fn is_plain(&self) -> Result<bool> {
        Ok(self.way.get() == Way::Short && !self.odd_value.is_some() && HOOKS.are_original(self.obj())?)
    }

    fn is_observed(&self) -> Result<bool> {
        Ok(self.way.get() == Way::Observed && !self.odd_value.is_some() && HOOKS.are_original(self.obj())?)
    }

    /// The first step of `acquire()`, or of `__aenter__()`, whose result is `None`.
    #[inline]
    pub fn acquire(&self, entering: bool) -> Result<Step> {
        if self.is_plain()?
            && let Some(step) = self.acquire_shortly(entering)?
        {
            return Ok(step);
        }
        self.acquire_otherwise(entering)
    }

    #[inline(always)]
    fn acquire_shortly(&self, entering: bool) -> Result<Option<Step>> {
        let held = self.waiters.get();
        let must_wait = match Waiters::of(&held)? {
            Waiters::None => Some(self.value.get() == 0),
            Waiters::Deque(deque) => Some(self.value.get() == 0 || somebody_waits(deque)?),
            Waiters::Other => None,
        };
        if must_wait == Some(false) {
            self.value.set(self.value.get() - 1);
            return Ok(Some(come_in(entering)));
        }
        if WAITS_HERE
            && must_wait == Some(true)
            && let Some(waiter) = new_waiter(&self.event_loop)?
        {
            if let Some(deque) = Deque::from_exact(&deque_in(&self.waiters)?)? {
                deque.append(waiter.obj())?;
            }
            return Ok(Some(Step::Wait(waiter)));
        }
        Ok(None)
    }

    #[cold]
    fn acquire_otherwise(&self, entering: bool) -> Result<Step> {
        if self.is_observed()?
            && let Some(step) = self.acquire_shortly(entering)?
        {
            observed::acquiring(self.obj(), &step);
            return Ok(step);
        }
        let name = if entering { &AENTER } else { &ACQUIRE };
        let coro = ORIGINAL.get()?.attr(name)?.call([self.obj()])?;
        if self.way.get() == Way::Observed {
            observed::CONTENDED.tell([self.obj()]);
        }
        Ok(Step::Delegate(coro))
    }

    /// asyncio's own `acquire()` has got a place.
    #[cold]
    pub fn acquired_otherwise(&self) {
        if self.way.get() == Way::Observed {
            observed::TAKEN.tell([self.obj()]);
        }
    }

    /// The wait of `acquire()` is over: whoever woke us has counted us in already.
    pub fn acquired(&self, entering: bool, waiter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        let removed = remove_waiter(&self.waiters, waiter.obj());
        let error = match removed {
            Ok(()) => error,
            Err(raised) => Some(raised.take()),
        };
        if let Some(error) = &error
            && is_cancellation(error)?
            && waiter.state() == State::Finished
        {
            self.value.set(self.value.get() + 1);
        }
        // Others may have come while this one was woken, and had to wait for their turn.
        while self.value.get() > 0 && self.wake_next()? {}
        if let Some(error) = error {
            return Err(Raised::exception(error));
        }
        let step = come_in(entering);
        if self.way.get() == Way::Observed {
            observed::acquiring(self.obj(), &step);
        }
        Ok(step)
    }

    /// `release()`
    #[inline]
    pub fn release(&self) -> Result<()> {
        match self.limit() {
            Some(limit) if self.is_plain()? => self.release_shortly(limit),
            limit => self.release_otherwise(limit),
        }
    }

    /// How many may come in at most; nothing if that is no plain number.
    #[inline(always)]
    fn limit(&self) -> Option<i64> {
        match self.bound.get() {
            None => Some(i64::MAX),
            Some(bound) => bound.exact_i64(),
        }
    }

    #[inline(always)]
    fn release_shortly(&self, limit: i64) -> Result<()> {
        if self.value.get() >= limit {
            return Err(Error::Value(String::from("BoundedSemaphore released too many times")).raise());
        }
        self.value.set(self.value.get() + 1);
        self.wake_next().map(drop)
    }

    #[cold]
    fn release_otherwise(&self, limit: Option<i64>) -> Result<()> {
        if let Some(limit) = limit
            && self.is_observed()?
        {
            self.release_shortly(limit)?;
            observed::RELEASED.tell([self.obj()]);
            return Ok(());
        }
        let original = if self.bound.is_some() { &ORIGINAL_BOUNDED } else { &ORIGINAL };
        original.get()?.attr(&RELEASE)?.call([self.obj()]).map(drop)
    }

    /// The first step of `__aexit__()`.
    #[inline]
    pub fn exit(&self) -> Result<Step> {
        if !self.is_plain()? && !self.is_observed()? {
            let none = Obj::none();
            return ORIGINAL.get()?.attr(&AEXIT)?.call([self.obj(), &none, &none, &none]).map(Step::Delegate);
        }
        self.release()?;
        Ok(Step::Return(Obj::none()))
    }

    /// Counts in the first who is still asleep, and wakes them.
    #[inline(always)]
    fn wake_next(&self) -> Result<bool> {
        match self.waiters.get() {
            None => Ok(false),
            Some(waiters) => self.wake_among(&waiters),
        }
    }

    fn wake_among(&self, waiters: &Obj) -> Result<bool> {
        if Deque::from_exact(waiters)?.is_some_and(Deque::is_empty) {
            return Ok(false);
        }
        let woken = waiters.any(|waiter| wake(waiter, Obj::bool(true)))?;
        if woken {
            self.value.set(self.value.get() - 1);
        }
        Ok(woken)
    }
}

#[inline(always)]
fn come_in(entering: bool) -> Step {
    Step::Return(if entering { Obj::none() } else { Obj::bool(true) })
}

// What Python sees.

fn acquire(this: &Own<Semaphore>) -> Result<Obj> {
    AsyncCall::create(Body::SemaphoreAcquire(this.clone()))
}

fn enter(this: &Own<Semaphore>) -> Result<Obj> {
    AsyncCall::create(Body::SemaphoreEnter(this.clone()))
}

fn exit(this: &Own<Semaphore>, args: &[Obj]) -> Result<Obj> {
    exit_arguments(args, "_ContextManagerMixin")?;
    AsyncCall::create(Body::SemaphoreExit(this.clone()))
}

fn release(this: &Own<Semaphore>) -> Result<Obj> {
    this.release()?;
    Ok(Obj::none())
}

fn locked(this: &Own<Semaphore>) -> Result<Obj> {
    if this.is_plain()? {
        let held = this.waiters.get();
        match Waiters::of(&held)? {
            Waiters::None => return Ok(Obj::bool(this.value.get() == 0)),
            Waiters::Deque(deque) => return Ok(Obj::bool(this.value.get() == 0 || somebody_waits(deque)?)),
            Waiters::Other => {}
        }
    }
    ORIGINAL.get()?.attr(&LOCKED)?.call([this.obj()])
}

fn value(this: &Own<Semaphore>) -> Result<Obj> {
    this.odd_value.get().map_or_else(|| Obj::int(this.value.get()), Ok)
}

fn set_value(this: &Own<Semaphore>, value: Option<&Obj>) -> Result<()> {
    match value.and_then(Obj::exact_i64) {
        Some(number) => {
            this.value.set(number);
            this.odd_value.clear();
        }
        None => drop(this.odd_value.replace(value.cloned())),
    }
    Ok(())
}

fn bound(this: &Own<Semaphore>) -> Result<Obj> {
    this.bound.get().ok_or_else(|| {
        Raised::text(&exception::attribute_error(), "'Semaphore' object has no attribute '_bound_value'")
    })
}

fn set_bound(this: &Own<Semaphore>, value: Option<&Obj>) -> Result<()> {
    drop(this.bound.replace(value.cloned()));
    Ok(())
}

fn set_attribute(this: &Own<Semaphore>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.way.set(Way::Patched);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<Semaphore>(
        module,
        class::ClassParts {
            methods: vec![
                method!(
                    Semaphore,
                    "acquire",
                    noargs,
                    acquire,
                    "Wait until there is a place, and take it; return True."
                ),
                method!(Semaphore, "release", noargs, release, "Give a place back, and wake the next in line."),
                method!(Semaphore, "locked", noargs, locked, "Would acquire() have to wait?"),
                method!(Semaphore, "__aenter__", noargs, enter, "Take a place."),
                method!(Semaphore, "__aexit__", fast, exit, "Give the place back."),
            ],
            attributes: vec![
                attribute!(Semaphore, "_value", value, set_value),
                attribute!(Semaphore, "_bound_value", bound, set_bound),
                slot_attribute!(Semaphore, "_waiters", waiters),
                slot_attribute!(Semaphore, "_loop", event_loop),
                slot_attribute!(Semaphore, "_holders", holders),
            ],
            slots: vec![slot!(Semaphore, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&ACQUIRE])?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    ORIGINAL_BOUNDED.get()?;
    Ok(class)
}
