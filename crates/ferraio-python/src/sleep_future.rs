//! The future that ends a sleep: a timer of the loop sets its result.
//!
//! `await sleep(1)` steps this future, without a coroutine around it. So it has what the interpreter asks of a coroutine that
//! is awaited: `throw` and `close`, which give the timer up.

use crate::ffi::{Class, ClassCell, Obj, Own, Result, Visit, class, class::MANY, class::StartsWith};
use crate::future::Future;
use crate::future_iterator::raise_thrown;
use crate::{method, task};

/// A future with two methods more.
#[repr(C)]
pub struct SleepFuture {
    future: Future,
}

static CELL: ClassCell = ClassCell::new();

// SAFETY: `repr(C)`, the future is the first field, and both classes are made with the same offset.
unsafe impl StartsWith<Future> for SleepFuture {}

impl Class for SleepFuture {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.Future";
    const DOC: &'static std::ffi::CStr = c"What a task in sleep() waits for.";
    const OVER_BASE: bool = true;
    const KEEP: usize = MANY;

    fn cell() -> &'static ClassCell {
        &CELL
    }

    // The base class shows and clears what the future holds.
    fn traverse(&self, _visit: &mut Visit) {}

    fn clear(&self) {}

    fn needs_finalizer(&self) -> bool {
        self.future.needs_finalizer()
    }

    fn finalize(this: &Own<Self>) {
        Future::finalize(this.upcast());
    }
}

impl SleepFuture {
    /// A pending future of a loop of ours; `wake_at` has to be called for it.
    pub fn new() -> Self {
        SleepFuture { future: Future::uninitialised() }
    }
}

fn throw(this: &Own<SleepFuture>, args: &[Obj]) -> Result<Obj> {
    let Some((class, rest)) = args.split_first() else {
        return Err(crate::error::Error::type_("throw expected at least 1 argument, got 0"));
    };
    this.upcast::<Future>().abandon();
    Err(raise_thrown(class, rest.first(), rest.get(1)))
}

fn close(this: &Own<SleepFuture>) -> Result<Obj> {
    this.upcast::<Future>().abandon();
    Ok(Obj::none())
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    let parts = class::ClassParts {
        base: Some(Future::cell().obj().clone()),
        offset: Some(task::offset()?),
        methods: vec![
            method!(SleepFuture, "throw", fast, throw, "Give up the timer, and raise an exception."),
            method!(SleepFuture, "close", noargs, close, "Give up the timer."),
        ],
        ..Default::default()
    };
    class::make::<SleepFuture>(module, parts)
}
