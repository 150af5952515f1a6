//! Queue, LifoQueue and PriorityQueue.
//!
//! All three are this class; what differs is the container in `_queue` and how items go in and out. Which one it is
//! follows from the methods `_init`, `_put` and `_get` of the object's class; if they are nobody's of asyncio, its own
//! code does everything. The event behind `join()` is made when somebody asks for it.

use std::cell::Cell;

use super::{new_waiter, wake};
use crate::async_call::{AsyncCall, Body, Step};
use crate::error::Error;
use crate::ffi::async_function;
use crate::ffi::{
    Args, Class, ClassCell, Deque, Hooks, Import, List, Name, Obj, Own, Raised, Result, Slot, Visit, class, exception,
};
use crate::future::{Future, State};
use crate::imports::{self as py};
use crate::{attribute, flag_attribute, method, slot, slot_attribute};

/// A queue.
#[derive(Default)]
pub struct Queue {
    /// The deque or list of the items.
    items: Slot,
    /// How many items fit; 0 or less: any number.
    size_limit: Cell<i64>,
    /// The same, if it is not an `int` that fits; then asyncio's own code does everything.
    odd_limit: Slot,
    /// A deque of futures of those who wait for an item.
    getters: Slot,
    /// A deque of futures of those who wait for room.
    putters: Slot,
    /// How many items were put and not reported as done.
    unfinished: Cell<i64>,
    /// The event that is set while there are none, once somebody has asked for it.
    finished: Slot,
    /// `shutdown()` was called.
    is_shut_down: Cell<bool>,
    /// The loop it belongs to, once somebody had to wait.
    event_loop: Slot,
    /// Has the instance methods of its own?
    is_patched: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();
static ORIGINAL: Import = Import::new("asyncio.queues", "Queue");
static ORIGINAL_LIFO: Import = Import::new("asyncio.queues", "LifoQueue");
static ORIGINAL_PRIORITY: Import = Import::new("asyncio.queues", "PriorityQueue");
static HEAP_PUSH: Import = Import::new("heapq", "heappush");
static HEAP_POP: Import = Import::new("heapq", "heappop");

const HOOK_NAMES: [&str; 13] = [
    "_init",
    "_put",
    "_get",
    "_wakeup_next",
    "qsize",
    "empty",
    "full",
    "put",
    "put_nowait",
    "get",
    "get_nowait",
    "_get_loop",
    "_format",
];

const fn hooks() -> Hooks<13> {
    let mut names = [const { Name::new("") }; 13];
    let mut index = 0;
    while index < names.len() {
        names[index] = Name::new(HOOK_NAMES[index]);
        index += 1;
    }
    Hooks::new(names)
}

static FIFO: Hooks<13> = hooks();
static LIFO: Hooks<13> = hooks();
static PRIORITY: Hooks<13> = hooks();

impl Class for Queue {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Queue";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.Queue and its kin.";
    const NEW: Option<fn() -> Self> = Some(Queue::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.items.visit(visit);
        self.odd_limit.visit(visit);
        self.getters.visit(visit);
        self.putters.visit(visit);
        self.finished.visit(visit);
        self.event_loop.visit(visit);
    }

    fn clear(&self) {
        self.items.clear();
        self.odd_limit.clear();
        self.getters.clear();
        self.putters.clear();
        self.finished.clear();
        self.event_loop.clear();
    }
}

/// Where the items of a queue are.
enum Items<'a> {
    Fifo(&'a Deque),
    Lifo(&'a List),
    Priority(&'a List),
}

impl Items<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        match self {
            Items::Fifo(deque) => deque.len(),
            Items::Lifo(list) | Items::Priority(list) => list.len(),
        }
    }

    #[inline(always)]
    fn put(&self, item: &Obj) -> Result<()> {
        match self {
            Items::Fifo(deque) => deque.append(item),
            Items::Lifo(list) => list.append(item),
            Items::Priority(list) => HEAP_PUSH.get()?.call([list.obj(), item]).map(drop),
        }
    }

    /// The next item; nothing if there is none.
    #[inline(always)]
    fn get(&self) -> Result<Option<Obj>> {
        match self {
            Items::Fifo(deque) => deque.pop_left(),
            Items::Lifo(list) => list.pop(),
            Items::Priority(list) if list.len() == 0 => Ok(None),
            Items::Priority(list) => HEAP_POP.get()?.call([list.obj()]).map(Some),
        }
    }
}

impl Own<Queue> {
    /// What is known of the container in `held`; nothing if asyncio's own code must do everything.
    #[inline(always)]
    fn items_in<'a>(&self, held: &'a Option<Obj>) -> Result<Option<Items<'a>>> {
        let Some(held) = held else { return Ok(None) };
        if self.is_patched.get() || self.odd_limit.is_some() {
            return Ok(None);
        }
        if FIFO.are_original(self.obj())? {
            return Ok(Deque::from_exact(held)?.map(Items::Fifo));
        }
        self.other_items_in(held)
    }

    fn other_items_in<'a>(&self, held: &'a Obj) -> Result<Option<Items<'a>>> {
        let list = List::from_exact(held);
        if LIFO.are_original(self.obj())? {
            return Ok(list.map(Items::Lifo));
        }
        if PRIORITY.are_original(self.obj())? {
            return Ok(list.map(Items::Priority));
        }
        Ok(None)
    }

    #[inline(always)]
    fn is_full_with(&self, count: usize) -> bool {
        let limit = self.size_limit.get();
        limit > 0 && count as i64 >= limit
    }

    /// The first step of `put(item)`, and each further one.
    #[inline]
    pub fn put(&self, item: &Obj) -> Result<Step> {
        let held = self.items.get();
        if let Some(items) = self.items_in(&held)? {
            if !self.is_full_with(items.len()) {
                self.put_into(&items, item)?;
                return Ok(Step::Return(Obj::none()));
            }
            if self.is_shut_down.get() {
                return Err(shut_down());
            }
            if let Some(step) = self.wait_in(&self.putters)? {
                return Ok(step);
            }
        }
        ORIGINAL.get()?.attr(&PUT)?.call([self.obj(), item]).map(Step::Delegate)
    }

    /// The wait of `put(item)` is over.
    pub fn put_on(&self, item: &Obj, putter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        let Some(error) = error else { return self.put(item) };
        if !self.stop_waiting(putter, &self.putters)? && !self.is_full()? {
            // We were woken, and cannot use the room: the next in line can.
            self.wake_next(&self.putters)?;
        }
        Err(Raised::exception(error))
    }

    /// The first step of `get()`, and each further one.
    #[inline]
    pub fn get(&self) -> Result<Step> {
        let held = self.items.get();
        if let Some(items) = self.items_in(&held)? {
            if let Some(item) = items.get()? {
                self.wake_next(&self.putters)?;
                return Ok(Step::Return(item));
            }
            if self.is_shut_down.get() {
                return Err(shut_down());
            }
            if let Some(step) = self.wait_in(&self.getters)? {
                return Ok(step);
            }
        }
        ORIGINAL.get()?.attr(&GET)?.call([self.obj()]).map(Step::Delegate)
    }

    /// The wait of `get()` is over.
    pub fn get_on(&self, getter: &Own<Future>, error: Option<Obj>) -> Result<Step> {
        let Some(error) = error else { return self.get() };
        if !self.stop_waiting(getter, &self.getters)? && !self.is_empty()? {
            // We were woken, and cannot take the item: the next in line can.
            self.wake_next(&self.getters)?;
        }
        Err(Raised::exception(error))
    }

    /// `put_nowait(item)` into a container that has room.
    #[inline(always)]
    fn put_into(&self, items: &Items<'_>, item: &Obj) -> Result<()> {
        if self.is_shut_down.get() {
            return Err(shut_down());
        }
        items.put(item)?;
        self.unfinished.set(self.unfinished.get() + 1);
        if let Some(finished) = self.finished.get() {
            finished.call_method(&py::CLEAR, [])?;
        }
        self.wake_next(&self.getters)
    }

    fn wait_in(&self, waiters: &Slot) -> Result<Option<Step>> {
        let held = waiters.get_or_none();
        let Some(deque) = Deque::from_exact(&held)? else { return Ok(None) };
        let Some(waiter) = new_waiter(&self.event_loop)? else { return Ok(None) };
        deque.append(waiter.obj())?;
        Ok(Some(Step::Wait(waiter)))
    }

    /// Leaves the line. Says whether the wait was cancelled (and not over already).
    fn stop_waiting(&self, waiter: &Own<Future>, waiters: &Slot) -> Result<bool> {
        waiter.cancel_future(None)?;
        if let Err(raised) = super::remove_waiter(waiters, waiter.obj()) {
            // Whoever woke us has taken us out.
            if !raised.matches(&exception::value_error()) {
                return Err(raised);
            }
            raised.clear();
        }
        Ok(waiter.state() == State::Cancelled)
    }

    /// Wakes the first in line who still waits.
    #[inline(always)]
    fn wake_next(&self, waiters: &Slot) -> Result<()> {
        let Some(held) = waiters.get() else { return Ok(()) };
        let Some(deque) = Deque::from_exact(&held)? else {
            static WAKEUP_NEXT: Name = Name::new("_wakeup_next");
            return self.obj().call_method(&WAKEUP_NEXT, [&held]).map(drop);
        };
        while let Some(waiter) = deque.pop_left()? {
            if wake(&waiter, Obj::none())? {
                break;
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> Result<bool> {
        let held = self.items.get();
        match self.items_in(&held)? {
            Some(items) => Ok(items.len() == 0),
            None => ORIGINAL.get()?.attr(&EMPTY)?.call([self.obj()])?.truth(),
        }
    }

    fn is_full(&self) -> Result<bool> {
        let held = self.items.get();
        match self.items_in(&held)? {
            Some(items) => Ok(self.is_full_with(items.len())),
            None => ORIGINAL.get()?.attr(&FULL)?.call([self.obj()])?.truth(),
        }
    }
}

static PUT: Name = Name::new("put");
static GET: Name = Name::new("get");
static EMPTY: Name = Name::new("empty");
static FULL: Name = Name::new("full");

#[cold]
fn shut_down() -> Raised {
    static CLASS: Import = Import::new("asyncio.queues", "QueueShutDown");
    raise(&CLASS)
}

/// `raise class`
#[cold]
fn raise(class: &Import) -> Raised {
    match class.get().and_then(Obj::call0) {
        Ok(error) => Raised::raise(&error),
        Err(raised) => raised,
    }
}

// What Python sees.

fn init(this: &Own<Queue>, args: Args<'_>) -> Result<()> {
    let [size_limit] = args.bind("Queue.__init__", [&py::MAXSIZE], 0, 1)?;
    let size_limit = size_limit.map_or_else(|| Obj::int(0), Ok)?;
    set_size_limit(this, Some(&size_limit))?;
    this.getters.set(Deque::create()?);
    this.putters.set(Deque::create()?);
    this.unfinished.set(0);
    this.finished.clear();
    if FIFO.are_original(this.obj())? {
        this.items.set(Deque::create()?);
    } else {
        static INIT: Name = Name::new("_init");
        this.obj().call_method(&INIT, [&size_limit])?;
    }
    this.is_shut_down.set(false);
    Ok(())
}

fn put(this: &Own<Queue>, args: Args<'_>) -> Result<Obj> {
    let item = the_item(&args, "Queue.put")?;
    AsyncCall::create(Body::QueuePut(this.clone(), item))
}

fn get(this: &Own<Queue>) -> Result<Obj> {
    AsyncCall::create(Body::QueueGet(this.clone()))
}

fn put_nowait(this: &Own<Queue>, args: Args<'_>) -> Result<Obj> {
    let item = the_item(&args, "Queue.put_nowait")?;
    let held = this.items.get();
    let Some(items) = this.items_in(&held)? else {
        static PUT_NOWAIT: Name = Name::new("put_nowait");
        return ORIGINAL.get()?.attr(&PUT_NOWAIT)?.call([this.obj(), &item]);
    };
    if this.is_full_with(items.len()) && !this.is_shut_down.get() {
        static FULL: Import = Import::new("asyncio.queues", "QueueFull");
        return Err(raise(&FULL));
    }
    this.put_into(&items, &item)?;
    Ok(Obj::none())
}

#[inline(always)]
fn the_item(args: &Args<'_>, function: &str) -> Result<Obj> {
    if let ([item], false) = (args.positional, args.has_keywords()) {
        return Ok(item.clone());
    }
    static ITEM: Name = Name::new("item");
    let [item] = args.bind(function, [&ITEM], 1, 1)?;
    Ok(item.expect("required"))
}

fn get_nowait(this: &Own<Queue>) -> Result<Obj> {
    let held = this.items.get();
    let Some(items) = this.items_in(&held)? else {
        static GET_NOWAIT: Name = Name::new("get_nowait");
        return ORIGINAL.get()?.attr(&GET_NOWAIT)?.call([this.obj()]);
    };
    let Some(item) = items.get()? else {
        static EMPTY: Import = Import::new("asyncio.queues", "QueueEmpty");
        return Err(if this.is_shut_down.get() { shut_down() } else { raise(&EMPTY) });
    };
    this.wake_next(&this.putters)?;
    Ok(item)
}

fn task_done(this: &Own<Queue>) -> Result<Obj> {
    let unfinished = this.unfinished.get();
    if unfinished <= 0 {
        return Err(Error::Value(String::from("task_done() called too many times")).raise());
    }
    this.unfinished.set(unfinished - 1);
    if unfinished == 1
        && let Some(finished) = this.finished.get()
    {
        finished.call_method(&SET, [])?;
    }
    Ok(Obj::none())
}

static SET: Name = Name::new("set");

fn qsize(this: &Own<Queue>) -> Result<Obj> {
    let held = this.items.get();
    match this.items_in(&held)? {
        Some(items) => Obj::int(items.len() as i64),
        None => {
            static QSIZE: Name = Name::new("qsize");
            ORIGINAL.get()?.attr(&QSIZE)?.call([this.obj()])
        }
    }
}

fn empty(this: &Own<Queue>) -> Result<Obj> {
    this.is_empty().map(Obj::bool)
}

fn full(this: &Own<Queue>) -> Result<Obj> {
    this.is_full().map(Obj::bool)
}

fn size_limit(this: &Own<Queue>) -> Result<Obj> {
    this.odd_limit.get().map_or_else(|| Obj::int(this.size_limit.get()), Ok)
}

fn set_size_limit(this: &Own<Queue>, value: Option<&Obj>) -> Result<()> {
    match value.and_then(Obj::exact_i64) {
        Some(number) => {
            this.size_limit.set(number);
            this.odd_limit.clear();
        }
        None => drop(this.odd_limit.replace(value.cloned())),
    }
    Ok(())
}

/// The container; an attribute that is not there before `_init` has set it.
fn items(this: &Own<Queue>) -> Result<Obj> {
    this.items.get().ok_or_else(|| {
        let class = this.obj().type_name();
        Raised::text(&exception::attribute_error(), &format!("'{class}' object has no attribute '_queue'"))
    })
}

fn set_items(this: &Own<Queue>, value: Option<&Obj>) -> Result<()> {
    drop(this.items.replace(value.cloned()));
    Ok(())
}

fn unfinished(this: &Own<Queue>) -> Result<Obj> {
    Obj::int(this.unfinished.get())
}

fn set_unfinished(this: &Own<Queue>, value: Option<&Obj>) -> Result<()> {
    this.unfinished.set(value.map_or(Ok(0), Obj::as_i64)?);
    Ok(())
}

/// The event that `join()` waits for.
fn finished(this: &Own<Queue>) -> Result<Obj> {
    static EVENT: Import = Import::new("ferraio._primitives", "Event");
    if let Some(finished) = this.finished.get() {
        return Ok(finished);
    }
    let event = EVENT.get()?.call0()?;
    if this.unfinished.get() == 0 {
        event.call_method(&SET, [])?;
    }
    this.finished.set(event.clone());
    Ok(event)
}

fn set_finished(this: &Own<Queue>, value: Option<&Obj>) -> Result<()> {
    drop(this.finished.replace(value.cloned()));
    Ok(())
}

fn set_attribute(this: &Own<Queue>, name: &Obj, value: Option<&Obj>) -> Result<()> {
    if FIFO.have(name) {
        this.is_patched.set(true);
    }
    this.obj().generic_set_attr(name, value)
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let mut attributes = vec![
        attribute!(Queue, "_queue", items, set_items),
        attribute!(Queue, "_maxsize", size_limit, set_size_limit),
        attribute!(Queue, "_unfinished_tasks", unfinished, set_unfinished),
        attribute!(Queue, "_finished", finished, set_finished),
        slot_attribute!(Queue, "_getters", getters),
        slot_attribute!(Queue, "_putters", putters),
        slot_attribute!(Queue, "_loop", event_loop),
    ];
    if cfg!(Py_3_13) {
        attributes.push(flag_attribute!(Queue, "_is_shutdown", is_shut_down));
    }
    let class = class::make::<Queue>(
        module,
        class::ClassParts {
            methods: vec![
                method!(
                    Queue,
                    "put",
                    keywords,
                    put,
                    "put(item)\n\nPut an item in; wait for room if the queue is full."
                ),
                method!(
                    Queue,
                    "get",
                    noargs,
                    get,
                    "Take an item out, and return it; wait for one if the queue is empty."
                ),
                method!(
                    Queue,
                    "put_nowait",
                    keywords,
                    put_nowait,
                    "put_nowait(item)\n\nPut an item in; raise QueueFull if there is no room."
                ),
                method!(
                    Queue,
                    "get_nowait",
                    noargs,
                    get_nowait,
                    "Take an item out; raise QueueEmpty if there is none."
                ),
                method!(Queue, "task_done", noargs, task_done, "Say that the work on an item is done, for join()."),
                method!(Queue, "qsize", noargs, qsize, "Return how many items are in the queue."),
                method!(Queue, "empty", noargs, empty, "Is no item in the queue?"),
                method!(Queue, "full", noargs, full, "Is there no room for an item?"),
            ],
            attributes,
            slots: vec![slot!(Queue, init, init), slot!(Queue, setattro, set_attribute)],
            ..Default::default()
        },
    )?;
    HEAP_PUSH.get()?;
    HEAP_POP.get()?;
    async_function::dress_methods(&class, ORIGINAL.get()?, &[&PUT, &GET])?;
    FIFO.remember(&class, ORIGINAL.get()?)?;
    LIFO.remember(&class, ORIGINAL_LIFO.get()?)?;
    PRIORITY.remember(&class, ORIGINAL_PRIORITY.get()?)?;
    Ok(class)
}
