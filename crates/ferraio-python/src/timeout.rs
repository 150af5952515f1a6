//! The hot half of Timeout: entering, leaving and moving a time limit that is not reached.
//!
//! `ferraio.Timeout` is a Python class over this one and `asyncio.Timeout`. What happens when the time is over, and all
//! that is unusual, is asyncio's own code, which finds its attributes here.

use std::cell::Cell;

use crate::async_call::{AsyncCall, Body, Step, exit_arguments};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::{
    Args, Class, ClassCell, Hooks, Import, Name, Obj, Own, Raised, Result, Slot, Visit, class, current_task, exception,
};
use crate::handle::{Handle, TimerHandle};
use crate::imports::{self as py};
use crate::task::Task;
use crate::{attribute, method, slot, slot_attribute};

/// A time limit.
pub struct Timeout {
    state: Cell<State>,
    /// When the time is over; empty: never.
    when: Slot,
    /// The timer, while it runs.
    handle: Slot,
    /// The task in whose `async with` it stands.
    task: Slot,
    /// How often that task's cancellation was asked for when it was entered.
    cancelling: Slot,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

/// The members of `asyncio.timeouts._State`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Entered,
    Expiring,
    Expired,
    Exited,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.timeouts", "Timeout");
static HOOKS: Hooks<4> =
    Hooks::new([Name::new("__new__"), Name::new("__init__"), Name::new("reschedule"), Name::new("_on_timeout")]);

static AENTER: Name = Name::new("__aenter__");
static AEXIT: Name = Name::new("__aexit__");
static RESCHEDULE: Name = Name::new("reschedule");
/// asyncio's name for the callback of the timer.
pub static ON_TIMEOUT: Name = Name::new("_on_timeout");

static STATES: [(State, Name); 5] = [
    (State::Created, Name::new("CREATED")),
    (State::Entered, Name::new("ENTERED")),
    (State::Expiring, Name::new("EXPIRING")),
    (State::Expired, Name::new("EXPIRED")),
    (State::Exited, Name::new("EXITED")),
];

impl Class for Timeout {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Timeout";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.Timeout.";
    const NEW: Option<fn() -> Self> = Some(Timeout::new);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.when.visit(visit);
        self.handle.visit(visit);
        self.task.visit(visit);
        self.cancelling.visit(visit);
    }

    fn clear(&self) {
        self.when.clear();
        self.handle.clear();
        self.task.clear();
        self.cancelling.clear();
    }
}

impl Timeout {
    fn new() -> Self {
        Timeout {
            state: Cell::new(State::Created),
            when: Slot::empty(),
            handle: Slot::empty(),
            task: Slot::empty(),
            cancelling: Slot::empty(),
            is_patched: Cell::new(false),
        }
    }
}

/// A time that can be looked at without running Python code.
#[derive(Clone)]
struct Deadline {
    seconds: f64,
    given: Obj,
}

impl Deadline {
    fn of(when: Obj) -> Option<Deadline> {
        let seconds = when.exact_f64().or_else(|| when.exact_int_as_f64()).filter(|seconds| !seconds.is_nan())?;
        Some(Deadline { seconds, given: when })
    }
}

impl Own<Timeout> {
    #[inline(always)]
    fn is_plain(&self) -> Result<bool> {
        Ok(!self.is_patched.get() && HOOKS.are_original(self.obj())?)
    }

    /// The first step of `__aenter__()`.
    #[inline]
    pub fn enter(&self) -> Result<Step> {
        if self.enter_shortly()? {
            return Ok(Step::Return(self.obj().clone()));
        }
        ORIGINAL.get()?.attr(&AENTER)?.call([self.obj()]).map(Step::Delegate)
    }

    #[inline(always)]
    fn enter_shortly(&self) -> Result<bool> {
        if self.state.get() != State::Created || !self.is_plain()? {
            return Ok(false);
        }
        let running = py::GET_RUNNING_LOOP.get()?.call0()?;
        let Some(event_loop) = Own::<EventLoop>::from_obj(&running).filter(|ours| ours.is_plain()) else {
            return Ok(false);
        };
        let Some(current) = current_task::get(event_loop.obj())? else { return Ok(false) };
        let Some(task) = Own::<Task>::from_exact(&current) else { return Ok(false) };
        if !self.start_timer(event_loop, self.when.get())? {
            return Ok(false);
        }
        self.state.set(State::Entered);
        self.cancelling.set(Obj::int(task.cancelling().into())?);
        self.task.set(current);
        Ok(true)
    }

    /// Starts the timer, unless its time has come already or is no plain number.
    #[inline(always)]
    fn start_timer(&self, event_loop: &Own<EventLoop>, when: Option<Obj>) -> Result<bool> {
        let Some(when) = when else { return Ok(true) };
        let Some(deadline) = Deadline::of(when) else { return Ok(false) };
        if deadline.seconds <= event_loop.clock()? {
            return Ok(false);
        }
        let given = deadline.given.exact_f64().is_none().then_some(deadline.given);
        let timer = event_loop.limit_at(deadline.seconds, given, self)?;
        self.handle.set(timer.into_obj());
        Ok(true)
    }

    /// The first step of `__aexit__(*args)`.
    #[inline]
    pub fn exit(&self, args: Option<&Obj>) -> Result<Step> {
        if self.state.get() == State::Entered && self.is_plain()? {
            self.stop_timer()?;
            self.state.set(State::Exited);
            return Ok(Step::Return(Obj::none()));
        }
        let original = ORIGINAL.get()?.attr(&AEXIT)?;
        let none = Obj::none();
        let (class, error, traceback) = match args.map(Obj::tuple_items) {
            Some([class, error, traceback]) => (class, error, traceback),
            _ => (&none, &none, &none),
        };
        original.call([self.obj(), class, error, traceback]).map(Step::Delegate)
    }

    #[inline(always)]
    fn stop_timer(&self) -> Result<()> {
        let Some(handle) = self.handle.take() else { return Ok(()) };
        match Own::<TimerHandle>::from_exact(&handle) {
            Some(timer) => timer.upcast::<Handle>().cancel(),
            None => handle.call_method(&py::CANCEL, []).map(drop),
        }
    }

    fn reschedule(&self, when: Option<Obj>) -> Result<bool> {
        if self.state.get() != State::Entered || !self.is_plain()? {
            return Ok(false);
        }
        let running = py::GET_RUNNING_LOOP.get()?.call0()?;
        let Some(event_loop) = Own::<EventLoop>::from_obj(&running).filter(|ours| ours.is_plain()) else {
            return Ok(false);
        };
        let before = self.handle.take();
        let started = self.start_timer(event_loop, when.clone());
        let after = self.handle.replace(before);
        if !started? {
            return Ok(false);
        }
        self.stop_timer()?;
        drop(self.handle.replace(after));
        drop(self.when.replace(when));
        Ok(true)
    }
}

// What Python sees.

fn init(this: &Own<Timeout>, args: Args<'_>) -> Result<()> {
    let [when] = args.bind("Timeout.__init__", [&py::WHEN], 1, 1)?;
    this.state.set(State::Created);
    this.handle.clear();
    this.task.clear();
    drop(this.when.replace(when.filter(|when| !when.is_none())));
    Ok(())
}

fn enter(this: &Own<Timeout>) -> Result<Obj> {
    AsyncCall::create(Body::TimeoutEnter(this.clone()))
}

fn exit(this: &Own<Timeout>, args: &[Obj]) -> Result<Obj> {
    exit_arguments(args, "Timeout")?;
    let args = if args[0].is_none() { None } else { Some(Obj::tuple_from(args.iter().cloned())?) };
    AsyncCall::create(Body::TimeoutExit(this.clone(), args))
}

fn reschedule(this: &Own<Timeout>, args: Args<'_>) -> Result<Obj> {
    let [when] = args.bind("Timeout.reschedule", [&py::WHEN], 1, 1)?;
    let when = when.expect("required");
    if !this.reschedule((!when.is_none()).then(|| when.clone()))? {
        ORIGINAL.get()?.attr(&RESCHEDULE)?.call([this.obj(), &when])?;
    }
    Ok(Obj::none())
}

fn when(this: &Own<Timeout>) -> Result<Obj> {
    Ok(this.when.get_or_none())
}

fn expired(this: &Own<Timeout>) -> Result<Obj> {
    Ok(Obj::bool(matches!(this.state.get(), State::Expiring | State::Expired)))
}

/// The member of asyncio's enum.
fn member(name: &Name) -> Result<Obj> {
    static ENUM: Import = Import::new("asyncio.timeouts", "_State");
    ENUM.get()?.attr(name)
}

fn state(this: &Own<Timeout>) -> Result<Obj> {
    let (_, name) = STATES.iter().find(|(state, _)| *state == this.state.get()).expect("all states are listed");
    member(name)
}

fn set_state(this: &Own<Timeout>, value: Option<&Obj>) -> Result<()> {
    for (state, name) in &STATES {
        if let Some(value) = value
            && member(name)?.is(value)
        {
            this.state.set(*state);
            return Ok(());
        }
    }
    Err(Error::type_("the state of a timeout is a member of asyncio.timeouts._State"))
}

fn cancelling(this: &Own<Timeout>) -> Result<Obj> {
    this.cancelling
        .get()
        .ok_or_else(|| Raised::text(&exception::attribute_error(), "'Timeout' object has no attribute '_cancelling'"))
}

fn set_cancelling(this: &Own<Timeout>, value: Option<&Obj>) -> Result<()> {
    drop(this.cancelling.replace(value.cloned()));
    Ok(())
}

fn set_attribute(this: &Own<Timeout>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if HOOKS.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let class = class::make::<Timeout>(
        module,
        class::ClassParts {
            methods: vec![
                method!(Timeout, "__aenter__", noargs, enter, "Start the timer."),
                method!(Timeout, "__aexit__", fast, exit, "Stop the timer; raise TimeoutError if the time was over."),
                method!(
                    Timeout,
                    "reschedule",
                    keywords,
                    reschedule,
                    "reschedule(when)\n\nMove the limit; None takes it away."
                ),
                method!(
                    Timeout,
                    "when",
                    noargs,
                    when,
                    "Return when the time is over, in seconds of loop.time(), or None."
                ),
                method!(Timeout, "expired", noargs, expired, "Was the time over before the block was left?"),
            ],
            attributes: vec![
                attribute!(Timeout, "_state", state, set_state),
                attribute!(Timeout, "_cancelling", cancelling, set_cancelling),
                slot_attribute!(Timeout, "_when", when),
                slot_attribute!(Timeout, "_timeout_handler", handle),
                slot_attribute!(Timeout, "_task", task),
            ],
            slots: vec![slot!(Timeout, init, init), slot!(Timeout, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    HOOKS.remember(&class, ORIGINAL.get()?)?;
    Ok(class)
}

/// `timeout(delay)`.
pub fn timeout(args: Args<'_>) -> Result<Obj> {
    let delay = match (args.positional, args.has_keywords()) {
        ([delay], false) => delay.clone(),
        _ => {
            let [delay] = args.bind("timeout", [&py::DELAY], 1, 1)?;
            delay.expect("required")
        }
    };
    let running = py::GET_RUNNING_LOOP.get()?.call0()?;
    if delay.is_none() {
        return make(&delay);
    }
    let ours = Own::<EventLoop>::from_obj(&running);
    match (ours, delay.exact_f64().or_else(|| delay.exact_int_as_f64())) {
        (Some(ours), Some(seconds)) => make(&Obj::float(ours.clock()? + seconds)?),
        _ => make(&running.call_method(&py::TIME, [])?.add(&delay)?),
    }
}

/// `timeout_at(when)`.
pub fn timeout_at(args: Args<'_>) -> Result<Obj> {
    let [when] = args.bind("timeout_at", [&py::WHEN], 1, 1)?;
    make(&when.expect("required"))
}

#[inline(always)]
fn make(when: &Obj) -> Result<Obj> {
    static CLASS: Import = Import::new("ferraio._primitives", "Timeout");
    let class = CLASS.get()?;
    if !HOOKS.are_original_in(class)? {
        return class.call([when]);
    }
    let timeout = Own::new_in(class, Timeout::new())?;
    drop(timeout.when.replace((!when.is_none()).then(|| when.clone())));
    Ok(timeout.into_obj())
}
