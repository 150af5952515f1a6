//! Handle and TimerHandle: a callback that is scheduled, and can be cancelled.
//!
//! Outsiders see what asyncio's classes show, and `isinstance` holds through `__class__`; the classes of the standard
//! library themselves stay theirs. Handles are not known to the garbage collector: the loop shows what its own handles
//! hold, and a handle lets go of its callback as soon as it has run or cannot run any more.

use std::cell::Cell;
use std::mem::offset_of;

use crate::event_loop::EventLoop;
use crate::ffi::class::{StartsWith, WeakReferences};
use crate::ffi::coroutine::{copy_context, in_context};
use crate::ffi::{Class, ClassCell, Import, Obj, Own, Raised, Result, Slot, Visit, class, context};
use crate::imports::{self as py};
use crate::thread_safe_handle::{self, ThreadSafeHandle};
use crate::timeout::{self, Timeout};
use crate::{attribute, method, slot};

/// A scheduled callback.
#[repr(C)]
pub struct Handle {
    event_loop: Slot<Own<EventLoop>>,
    /// What is called; the `Timeout`, for the timer of one.
    callback: Slot,
    arguments: Cell<Arguments>,
    /// The context it is called in, or the variables of that; empty for the timer of a `Timeout`.
    context: Slot,
    /// Where it was created, in debug mode.
    source_traceback: Slot,
    /// What it looked like when it was cancelled, in debug mode.
    last_repr: Slot,
    cancelled: Cell<bool>,
    weak_references: WeakReferences,
}

/// A callback that is due at a time.
#[repr(C)]
pub struct TimerHandle {
    handle: Handle,
    when: Cell<f64>,
    /// The time as it was given, if that was not a float.
    given_when: Slot,
    /// Still in the loop's heap.
    pub scheduled: Cell<bool>,
}

/// What the callback is called with.
#[derive(Default)]
pub enum Arguments {
    /// Nothing.
    #[default]
    None,
    /// One object.
    One(Obj),
    /// A tuple.
    Many(Obj),
}

impl Arguments {
    /// From the arguments of a call.
    #[inline(always)]
    pub fn from_slice(arguments: &[Obj]) -> Result<Self> {
        Ok(match arguments {
            [] => Arguments::None,
            [one] => Arguments::One(one.clone()),
            many => Arguments::Many(Obj::tuple_from(many.iter().cloned())?),
        })
    }
}

impl Clone for Arguments {
    fn clone(&self) -> Self {
        match self {
            Arguments::None => Arguments::None,
            Arguments::One(one) => Arguments::One(one.clone()),
            Arguments::Many(many) => Arguments::Many(many.clone()),
        }
    }
}

static CELL: ClassCell = ClassCell::new();
static TIMER_CELL: ClassCell = ClassCell::new();

// SAFETY: `repr(C)`, the handle is the first field, and both values follow the bare object header.
unsafe impl StartsWith<Handle> for TimerHandle {}

impl Class for Handle {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Handle";
    const DOC: &'static std::ffi::CStr = c"A scheduled callback, as call_soon() returns it.";
    const GC: bool = false;
    const KEEP: usize = class::MANY;
    const WEAK_REFERENCES: Option<usize> = Some(offset_of!(Handle, weak_references));

    fn cell() -> &'static ClassCell {
        &CELL
    }
}

impl Class for TimerHandle {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.TimerHandle";
    const DOC: &'static std::ffi::CStr = c"A callback that is due at a time, as call_later() and call_at() return it.";
    const GC: bool = false;
    const KEEP: usize = class::MANY;

    fn cell() -> &'static ClassCell {
        &TIMER_CELL
    }
}

impl Handle {
    /// The state of a new handle for `event_loop`.
    #[inline(always)]
    pub fn with(event_loop: &Own<EventLoop>, callback: Obj, arguments: Arguments, context: Slot) -> Self {
        Handle {
            event_loop: Slot::new(event_loop.clone()),
            callback: Slot::new(callback),
            arguments: Cell::new(arguments),
            context,
            source_traceback: Slot::empty(),
            last_repr: Slot::empty(),
            cancelled: Cell::new(false),
            weak_references: WeakReferences::none(),
        }
    }

    /// Was it cancelled?
    #[inline(always)]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// The arguments.
    fn arguments(&self) -> Arguments {
        let arguments = self.arguments.take();
        self.arguments.set(arguments.clone());
        arguments
    }

    /// What is called; nothing if it cannot run any more.
    #[inline(always)]
    fn callable(&self) -> Result<Option<Obj>> {
        let Some(callback) = self.callback.get() else { return Ok(None) };
        if self.context.is_some() {
            return Ok(Some(callback));
        }
        // A time limit: hardly any is reached, so that this is made when it is needed.
        callback.attr(&timeout::ON_TIMEOUT).map(Some)
    }

    /// The context that it runs in, which `make` makes of the variables if there is none yet.
    #[inline(always)]
    fn own_context(&self, make: impl FnOnce(Obj) -> Result<Obj>) -> Result<Obj> {
        let variables = match self.context.get() {
            None => return copy_context(),
            Some(context) if !context::are_variables(&context) => return Ok(context),
            Some(variables) => variables,
        };
        let context = make(variables)?;
        self.context.set(context.clone());
        Ok(context)
    }

    /// Lets go of all that could be part of a cycle: it will not run any more.
    #[inline(always)]
    pub fn release(&self) {
        self.callback.clear();
        drop(self.arguments.take());
        let context = self.context.take();
        self.event_loop.clear();
        if let Some(context) = context {
            context::take_back(context);
        }
    }

    /// Shows what it holds to the garbage collector, on behalf of its only owner.
    pub fn visit(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.callback.visit(visit);
        self.context.visit(visit);
        let arguments = self.arguments.take();
        match &arguments {
            Arguments::None => {}
            Arguments::One(object) | Arguments::Many(object) => visit.object(object),
        }
        self.arguments.set(arguments);
    }

    /// Where it was created.
    pub fn source_traceback(&self) -> Option<Obj> {
        self.source_traceback.get()
    }

    /// Remembers who creates it (the caller of the Python code that runs), in debug mode.
    #[cold]
    pub fn remember_source(&self) -> Result<()> {
        self.source_traceback.set(py::EXTRACT_STACK.get()?.call0()?);
        Ok(())
    }
}

impl TimerHandle {
    /// When it is due, in seconds of the loop's clock.
    pub fn when(&self) -> f64 {
        self.when.get()
    }
}

impl Own<Handle> {
    /// A handle for `event_loop`.
    #[inline(always)]
    pub fn create(event_loop: &Own<EventLoop>, callback: Obj, arguments: Arguments, context: Obj) -> Result<Self> {
        let handle = Own::new(|| Handle::with(event_loop, callback, arguments, Slot::new(context)))?;
        if event_loop.debug() {
            handle.remember_source()?;
        }
        Ok(handle)
    }

    /// Calls the callback in its context. An exception is reported to the loop, unless it is one that stops it.
    #[inline]
    pub fn run(&self) -> Result<()> {
        let Some(callback) = self.callable()? else { return Ok(()) };
        let context = self.own_context(context::lend)?;
        // The callback may cancel this very handle: what is called must stay alive.
        let arguments = self.arguments();
        match call(&callback, &arguments, &context) {
            Ok(_) => Ok(()),
            Err(raised) => self.report(&callback, raised),
        }
    }

    /// The same for the last time, as the ring does it. What the handle holds is moved out of it, if nobody else can look
    /// at it or cancel it meanwhile.
    #[inline]
    pub fn run_for_good(self) -> Result<()> {
        if !self.is_only_reference() || !self.context.is_some() {
            let outcome = self.run();
            self.release();
            return outcome;
        }
        let (Some(callback), Some(context)) = (self.callback.take(), self.context.take()) else { return Ok(()) };
        let arguments = self.arguments.take();
        let context = if context::are_variables(&context) { context::lend(context)? } else { context };
        let Err(raised) = call(&callback, &arguments, &context) else {
            drop((callback, arguments));
            context::take_back(context);
            self.drop_last();
            return Ok(());
        };
        self.callback.set(callback.clone());
        self.arguments.set(arguments);
        self.context.set(context);
        let outcome = self.report(&callback, raised);
        self.release();
        outcome
    }

    /// Like [`report`](Own::report), for a callback that was called without a handle, as if there were one.
    #[cold]
    pub fn report_without(
        event_loop: &Own<EventLoop>,
        callback: Obj,
        arguments: Arguments,
        context: Obj,
        error: Obj,
    ) -> Result<()> {
        let handle = Own::<Handle>::create(event_loop, callback.clone(), arguments, context)?;
        handle.report(&callback, Raised::exception(error))
    }

    /// Tells the loop of an exception, unless it is one that stops it.
    #[cold]
    pub fn report(&self, callback: &Obj, raised: Raised) -> Result<()> {
        if raised.stops_the_loop() {
            return Err(raised);
        }
        let error = raised.take();
        let Some(event_loop) = self.event_loop.get() else { return Ok(()) };
        let text = self.describe(callback)?;
        let context = Obj::dict()?;
        context.dict_set(py::MESSAGE.obj(), &Obj::str(&format!("Exception in callback {text}"))?)?;
        context.dict_set(py::EXCEPTION.obj(), &error)?;
        context.dict_set(py::HANDLE.obj(), self.obj())?;
        if let Some(source) = self.source_traceback() {
            context.dict_set(py::SOURCE_TRACEBACK.obj(), &source)?;
        }
        event_loop.obj().call_method(&py::CALL_EXCEPTION_HANDLER, [&context]).map(drop)
    }

    fn describe(&self, callback: &Obj) -> Result<String> {
        let debug = self.event_loop.get().is_some_and(|event_loop| event_loop.debug());
        py::DESCRIBE_CALLBACK.get()?.call([callback, &self.arguments_tuple()?, &Obj::bool(debug)])?.as_text()
    }

    fn arguments_tuple(&self) -> Result<Obj> {
        match self.arguments() {
            Arguments::None => Obj::tuple([]),
            Arguments::One(one) => Obj::tuple([one]),
            Arguments::Many(many) => Ok(many),
        }
    }

    /// Cancels it: it will not run.
    pub fn cancel(&self) -> Result<()> {
        if self.cancelled.replace(true) {
            return Ok(());
        }
        if let Some(event_loop) = self.event_loop.take() {
            if event_loop.debug() {
                // Keep a picture of what was cancelled, for `_format_handle` and debuggers.
                self.event_loop.set(event_loop.clone());
                self.last_repr.set(repr(self)?);
                self.event_loop.clear();
            }
            if Own::<TimerHandle>::from_exact(self.obj()).is_some_and(|timer| timer.scheduled.get()) {
                event_loop.timer_cancelled();
            }
        }
        self.callback.clear();
        drop(self.arguments.take());
        Ok(())
    }
}

impl Own<TimerHandle> {
    /// A timer for `event_loop`; `given_when` is the time as the caller gave it, if that was not a float.
    #[inline(always)]
    pub fn create_timer(
        event_loop: &Own<EventLoop>,
        when: f64,
        given_when: Option<Obj>,
        callback: Obj,
        arguments: Arguments,
        context: Obj,
    ) -> Result<Self> {
        let timer = Own::new(|| TimerHandle {
            handle: Handle::with(event_loop, callback, arguments, Slot::new(context)),
            when: Cell::new(when),
            given_when: given_when.map_or_else(Slot::empty, Slot::new),
            scheduled: Cell::new(true),
        })?;
        if event_loop.debug() {
            timer.handle.remember_source()?;
        }
        Ok(timer)
    }

    /// The timer of a time limit, which calls its `_on_timeout` in a copy of the context of that moment.
    #[inline(always)]
    pub fn of_timeout(
        event_loop: &Own<EventLoop>,
        when: f64,
        given_when: Option<Obj>,
        timeout: &Own<Timeout>,
    ) -> Result<Self> {
        Own::new(|| TimerHandle {
            handle: Handle::with(event_loop, timeout.obj().clone(), Arguments::None, Slot::empty()),
            when: Cell::new(when),
            given_when: given_when.map_or_else(Slot::empty, Slot::new),
            scheduled: Cell::new(true),
        })
    }
}

#[inline(always)]
fn call(callback: &Obj, arguments: &Arguments, context: &Obj) -> Result<Obj> {
    in_context(context, || match arguments {
        Arguments::None => callback.call0(),
        Arguments::One(one) => callback.call([one]),
        Arguments::Many(many) => callback.call_slice(many.tuple_items()),
    })
}

// What Python sees.

fn cancel(this: &Own<Handle>) -> Result<Obj> {
    this.cancel()?;
    Ok(Obj::none())
}

fn cancelled(this: &Own<Handle>) -> Result<Obj> {
    Ok(Obj::bool(this.is_cancelled()))
}

fn get_context(this: &Own<Handle>) -> Result<Obj> {
    if this.callback.is_some() { this.own_context(context::context_with) } else { Ok(Obj::none()) }
}

fn run(this: &Own<Handle>) -> Result<Obj> {
    this.run()?;
    Ok(Obj::none())
}

fn callback(this: &Own<Handle>) -> Result<Obj> {
    Ok(this.callable()?.unwrap_or_else(Obj::none))
}

fn arguments(this: &Own<Handle>) -> Result<Obj> {
    if this.is_cancelled() { Ok(Obj::none()) } else { this.arguments_tuple() }
}

fn event_loop(this: &Own<Handle>) -> Result<Obj> {
    Ok(this.event_loop.get().map_or_else(Obj::none, Own::into_obj))
}

fn source_traceback(this: &Own<Handle>) -> Result<Obj> {
    Ok(this.source_traceback.get_or_none())
}

fn set_source_traceback(this: &Own<Handle>, value: Option<&Obj>) -> Result<()> {
    match value {
        Some(value) => this.source_traceback.set(value.clone()),
        None => this.source_traceback.clear(),
    }
    Ok(())
}

fn repr(this: &Own<Handle>) -> Result<Obj> {
    if let Some(repr) = this.last_repr.get() {
        return Ok(repr);
    }
    let mut info = Vec::new();
    let timer = Own::<TimerHandle>::from_exact(this.obj());
    let is_thread_safe = Own::<ThreadSafeHandle>::from_exact(this.obj()).is_some();
    info.push(String::from(match timer {
        Some(_) => "TimerHandle",
        None if is_thread_safe => "_ThreadSafeHandle",
        None => "Handle",
    }));
    if this.is_cancelled() {
        info.push(String::from("cancelled"));
    }
    if let Some(timer) = timer {
        info.push(format!("when={}", when_of(timer)?.repr_text()));
    }
    if let Some(callback) = this.callable()? {
        info.push(this.describe(&callback)?);
    }
    if let Some(source) = this.source_traceback.get() {
        static LAST: Import = Import::new("ferraio._cold", "created_at");
        info.push(LAST.get()?.call([&source])?.as_text()?);
    }
    Obj::str(&format!("<{}>", info.join(" ")))
}

fn class_attribute(_: &Own<Handle>) -> Result<Obj> {
    static CLASS: Import = Import::new("asyncio.events", "Handle");
    CLASS.get().cloned()
}

fn timer_class_attribute(_: &Own<TimerHandle>) -> Result<Obj> {
    static CLASS: Import = Import::new("asyncio.events", "TimerHandle");
    CLASS.get().cloned()
}

fn when_of(this: &Own<TimerHandle>) -> Result<Obj> {
    match this.given_when.get() {
        Some(when) => Ok(when),
        None => Obj::float(this.when.get()),
    }
}

fn scheduled(this: &Own<TimerHandle>) -> Result<Obj> {
    Ok(Obj::bool(this.scheduled.get()))
}

fn hash(this: &Own<TimerHandle>) -> Result<isize> {
    when_of(this)?.hash()
}

/// Timers compare by time; two are equal if everything about them is.
fn compare(this: &Own<TimerHandle>, other: &Obj, operation: i32) -> Result<Obj> {
    let Some(other) = Own::<TimerHandle>::from_obj(other) else { return Ok(not_implemented()) };
    let (mine, theirs) = (this.when(), other.when());
    let equal = || -> Result<bool> {
        let (this, other): (&Own<Handle>, &Own<Handle>) = (this.upcast(), other.upcast());
        Ok(mine == theirs
            && callback(this)?.equals(&callback(other)?)?
            && arguments(this)?.equals(&arguments(other)?)?
            && this.is_cancelled() == other.is_cancelled())
    };
    Ok(Obj::bool(match operation {
        pyo3_ffi::Py_LT => mine < theirs,
        pyo3_ffi::Py_LE => mine < theirs || equal()?,
        pyo3_ffi::Py_GT => mine > theirs,
        pyo3_ffi::Py_GE => mine > theirs || equal()?,
        pyo3_ffi::Py_EQ => equal()?,
        pyo3_ffi::Py_NE => !equal()?,
        _ => return Ok(not_implemented()),
    }))
}

fn not_implemented() -> Obj {
    static NOT_IMPLEMENTED: Import = Import::new("builtins", "NotImplemented");
    NOT_IMPLEMENTED.get().cloned().unwrap_or_else(|raised| {
        raised.clear();
        Obj::none()
    })
}

/// Makes the classes; returns (Handle, TimerHandle).
pub fn make_classes(module: &Obj) -> Result<(Obj, Obj)> {
    let handle = class::make::<Handle>(
        module,
        class::ClassParts {
            methods: vec![
                method!(Handle, "cancel", noargs, cancel, "Cancel it: the callback will not be called."),
                method!(Handle, "cancelled", noargs, cancelled, "Was it cancelled?"),
                method!(Handle, "get_context", noargs, get_context, "Return the context the callback runs in."),
                method!(Handle, "_run", noargs, run, "Call the callback; report its exception to the loop."),
            ],
            attributes: vec![
                attribute!(Handle, "_callback", callback),
                attribute!(Handle, "_args", arguments),
                attribute!(Handle, "_context", get_context),
                attribute!(Handle, "_cancelled", cancelled),
                attribute!(Handle, "_loop", event_loop),
                attribute!(Handle, "_source_traceback", source_traceback, set_source_traceback),
                attribute!(Handle, "__class__", class_attribute),
            ],
            slots: vec![slot!(Handle, repr, repr)],
            ..Default::default()
        },
    )?;
    let timer = class::make::<TimerHandle>(
        module,
        class::ClassParts {
            base: Some(handle.clone()),
            methods: vec![method!(
                TimerHandle,
                "when",
                noargs,
                when_of,
                "Return the time it is due, in seconds of loop.time()."
            )],
            attributes: vec![
                attribute!(TimerHandle, "_when", when_of),
                attribute!(TimerHandle, "_scheduled", scheduled),
                attribute!(TimerHandle, "__class__", timer_class_attribute),
            ],
            slots: vec![slot!(TimerHandle, richcompare, compare), slot!(TimerHandle, hash, hash)],
            ..Default::default()
        },
    )?;
    thread_safe_handle::make_class(module)?;
    Ok((handle, timer))
}
