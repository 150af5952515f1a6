//! Event: a flag that tasks wait for.

use std::cell::Cell;

use super::{Waiters, new_waiter, remove_waiter, wake};
use crate::async_call::{AsyncCall, Body, Step};
use crate::ffi::async_function;
use crate::ffi::{Class, ClassCell, Deque, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class};
use crate::future::Future;
use crate::{flag_attribute, method, slot, slot_attribute};

/// An event.
#[derive(Default)]
pub struct Event {
    /// The flag.
    is_set: Cell<bool>,
    /// A deque of futures.
    waiters: Slot,
    /// The loop it belongs to, once somebody had to wait.
    event_loop: Slot,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.locks", "Event");
static HOOKS: Hooks<1> = Hooks::new([Name::new("_get_loop")]);

static SET: Name = Name::new("set");
static WAIT: Name = Name::new("wait");

impl Class for Event {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Event";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.Event.";
    const NEW: Option<fn() -> Self> = Some(Event::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.waiters.visit(visit);
        self.event_loop.visit(visit);
    }

    fn clear(&self) {
        self.waiters.clear();
        self.event_loop.clear();
    }
}

impl Own<Event> {
    /// The first step of `wait()`.
    #[inline]
    pub fn wait(&self) -> Result<Step> {
        if self.is_set.get() {
            return Ok(Step::Return(Obj::bool(true)));
        }
        if !self.is_patched.get() && HOOKS.are_original(self.obj())? {
            let held = self.waiters.get();
            if let Waiters::Deque(deque) = Waiters::of(&held)?
                && let Some(waiter) = new_waiter(&self.event_loop)?
            {
                deque.append(waiter.obj())?;
                return Ok(Step::Wait(waiter));
            }
        }
        ORIGINAL.get()?.attr(&WAIT)?.call([self.obj()]).map(Step::Delegate)
    }

    /// The wait is over.
    pub fn waited(&self, waiter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        remove_waiter(&self.waiters, waiter.obj())?;
        match error {
            None => Ok(Step::Return(Obj::bool(true))),
            Some(error) => Err(Raised::exception(error)),
        }
    }

    /// `set()`
    pub fn set(&self) -> Result<()> {
        let held = self.waiters.get();
        let deque = match Waiters::of(&held)? {
            Waiters::None | Waiters::Other => return ORIGINAL.get()?.attr(&SET)?.call([self.obj()]).map(drop),
            Waiters::Deque(deque) => deque,
        };
        if self.is_set.replace(true) || deque.is_empty() {
            return Ok(());
        }
        Deque::obj(deque).for_each(|waiter| wake(&waiter, Obj::bool(true)).map(drop))
    }
}

// What Python sees.

fn wait(this: &Own<Event>) -> Result<Obj> {
    AsyncCall::create(Body::EventWait(this.clone()))
}

fn set(this: &Own<Event>) -> Result<Obj> {
    this.set()?;
    Ok(Obj::none())
}

fn clear(this: &Own<Event>) -> Result<Obj> {
    this.is_set.set(false);
    Ok(Obj::none())
}

fn is_set(this: &Own<Event>) -> Result<Obj> {
    Ok(Obj::bool(this.is_set.get()))
}

fn set_attribute(this: &Own<Event>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<Event>(
        module,
        class::ClassParts {
            methods: vec![
                method!(Event, "wait", noargs, wait, "Wait until the flag is set; return True."),
                method!(Event, "set", noargs, set, "Set the flag, and wake all who wait for it."),
                method!(Event, "clear", noargs, clear, "Take the flag back."),
                method!(Event, "is_set", noargs, is_set, "Is the flag set?"),
            ],
            attributes: vec![
                flag_attribute!(Event, "_value", is_set),
                slot_attribute!(Event, "_waiters", waiters),
                slot_attribute!(Event, "_loop", event_loop),
            ],
            slots: vec![slot!(Event, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&WAIT])?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}
