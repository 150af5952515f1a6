//! Lock: one task at a time, in the order in which they asked.

use std::cell::Cell;

use super::{Waiters, Way, deque_in, is_cancellation, new_waiter, remove_waiter, somebody_waits, wake};
use crate::async_call::{AsyncCall, Body, Step, exit_arguments};
use crate::error::Error;
use crate::event_loop::observed;
use crate::ffi::async_function;
use crate::ffi::{Class, ClassCell, Deque, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class};
use crate::future::Future;
use crate::{flag_attribute, method, slot, slot_attribute};

/// A lock.
#[derive(Default)]
pub struct Lock {
    /// Somebody has it.
    is_locked: Cell<bool>,
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
static ORIGINAL: Import = Import::new("asyncio.locks", "Lock");
static HOOKS: Hooks<4> =
    Hooks::new([Name::new("acquire"), Name::new("release"), Name::new("_wake_up_first"), Name::new("_get_loop")]);

static ACQUIRE: Name = Name::new("acquire");
static RELEASE: Name = Name::new("release");
static AENTER: Name = Name::new("__aenter__");
static AEXIT: Name = Name::new("__aexit__");

impl Class for Lock {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Lock";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.Lock.";
    const NEW: Option<fn() -> Self> = Some(Lock::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.waiters.visit(visit);
        self.event_loop.visit(visit);
        self.holders.visit(visit);
    }

    fn clear(&self) {
        self.waiters.clear();
        self.event_loop.clear();
        self.holders.clear();
    }
}

impl Own<Lock> {
    /// Are all methods the original ones, and nobody is told?
    #[inline(always)]
    fn is_plain(&self) -> Result<bool> {
        Ok(self.way.get() == Way::Short && HOOKS.are_original(self.obj())?)
    }

    fn is_observed(&self) -> Result<bool> {
        Ok(self.way.get() == Way::Observed && HOOKS.are_original(self.obj())?)
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
        match Waiters::of(&held)? {
            Waiters::None if !self.is_locked.get() => Ok(Some(self.take(entering))),
            Waiters::Deque(deque) if !self.is_locked.get() && !somebody_waits(deque)? => Ok(Some(self.take(entering))),
            Waiters::Other => Ok(None),
            _ => {
                let Some(waiter) = new_waiter(&self.event_loop)? else { return Ok(None) };
                self.add_waiter(&waiter)?;
                Ok(Some(Step::Wait(waiter)))
            }
        }
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
        ORIGINAL.get()?.attr(name)?.call([self.obj()]).map(Step::Delegate)
    }

    #[inline(always)]
    fn take(&self, entering: bool) -> Step {
        self.is_locked.set(true);
        Step::Return(if entering { Obj::none() } else { Obj::bool(true) })
    }

    fn add_waiter(&self, waiter: &Own<Future>) -> Result<()> {
        let deque = deque_in(&self.waiters)?;
        match Deque::from_exact(&deque)? {
            Some(deque) => deque.append(waiter.obj()),
            None => Ok(()),
        }
    }

    /// The wait of `acquire()` is over.
    pub fn acquired(&self, entering: bool, waiter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        remove_waiter(&self.waiters, waiter.obj())?;
        let Some(error) = error else {
            let step = self.take(entering);
            if self.way.get() == Way::Observed {
                observed::acquiring(self.obj(), &step);
            }
            return Ok(step);
        };
        // If the lock is free, the next in line must be awake: it may be that we were just woken to take it.
        if !self.is_locked.get() && is_cancellation(&error)? {
            self.wake_first()?;
        }
        Err(Raised::exception(error))
    }

    /// `release()`
    #[inline]
    pub fn release(&self) -> Result<()> {
        if self.is_plain()? { self.release_shortly() } else { self.release_otherwise() }
    }

    #[cold]
    fn release_otherwise(&self) -> Result<()> {
        if !self.is_observed()? {
            return ORIGINAL.get()?.attr(&RELEASE)?.call([self.obj()]).map(drop);
        }
        self.release_shortly()?;
        observed::RELEASED.tell([self.obj()]);
        Ok(())
    }

    #[inline(always)]
    fn release_shortly(&self) -> Result<()> {
        if !self.is_locked.replace(false) {
            return Err(Error::runtime("Lock is not acquired."));
        }
        self.wake_first()
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

    /// Wakes the first in line, unless it is awake already.
    #[inline(always)]
    fn wake_first(&self) -> Result<()> {
        let Some(held) = self.waiters.get() else { return Ok(()) };
        let Some(deque) = Deque::from_exact(&held)? else {
            static WAKE: Name = Name::new("_wake_up_first");
            return self.obj().call_method(&WAKE, []).map(drop);
        };
        match deque.first()? {
            Some(waiter) => wake(&waiter, Obj::bool(true)).map(drop),
            None => Ok(()),
        }
    }
}

// What Python sees.

fn acquire(this: &Own<Lock>) -> Result<Obj> {
    AsyncCall::create(Body::LockAcquire(this.clone()))
}

fn enter(this: &Own<Lock>) -> Result<Obj> {
    AsyncCall::create(Body::LockEnter(this.clone()))
}

fn exit(this: &Own<Lock>, args: &[Obj]) -> Result<Obj> {
    exit_arguments(args, "_ContextManagerMixin")?;
    AsyncCall::create(Body::LockExit(this.clone()))
}

fn release(this: &Own<Lock>) -> Result<Obj> {
    this.release()?;
    Ok(Obj::none())
}

fn locked(this: &Own<Lock>) -> Result<Obj> {
    Ok(Obj::bool(this.is_locked.get()))
}

fn set_attribute(this: &Own<Lock>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.way.set(Way::Patched);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<Lock>(
        module,
        class::ClassParts {
            methods: vec![
                method!(Lock, "acquire", noargs, acquire, "Wait until the lock is free, and take it; return True."),
                method!(Lock, "release", noargs, release, "Give the lock to the next in line, or to nobody."),
                method!(Lock, "locked", noargs, locked, "Has somebody taken the lock?"),
                method!(Lock, "__aenter__", noargs, enter, "Take the lock."),
                method!(Lock, "__aexit__", fast, exit, "Release the lock."),
            ],
            attributes: vec![
                flag_attribute!(Lock, "_locked", is_locked),
                slot_attribute!(Lock, "_waiters", waiters),
                slot_attribute!(Lock, "_loop", event_loop),
                slot_attribute!(Lock, "_holders", holders),
            ],
            slots: vec![slot!(Lock, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&ACQUIRE])?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}
