//! The hot half of TaskGroup: starting children, and noting that they are done.
//!
//! `ferraio.TaskGroup` is a Python class over this one and `asyncio.TaskGroup`, whose `__init__`, `__aenter__`,
//! `__aexit__` and `_abort` run unchanged: the attributes that they use live here. A child that ends well is taken out of
//! `_tasks` without any Python code; everything else goes to asyncio's own `_on_task_done`.

use std::cell::Cell;

use crate::event_loop::EventLoop;
use crate::ffi::{Args, Class, ClassCell, Import, Name, Obj, Own, Result, Slot, Visit, class};
use crate::future::{Callback, Future, State};
use crate::imports::{self as py};
use crate::task::{Options, Task};
use crate::{attribute, method};

/// The attributes of a task group that are used for every child.
#[derive(Default)]
pub struct TaskGroup {
    event_loop: Slot,
    /// The children that are not done.
    tasks: Slot,
    /// What `__aexit__` waits for.
    on_completed: Slot,
    /// The task in whose `async with` it stands.
    pub parent_task: Slot,
    entered: Cell<bool>,
    exiting: Cell<bool>,
    aborting: Cell<bool>,
}

static CELL: ClassCell = ClassCell::new();

/// asyncio's name for the callback of a child.
pub static ON_TASK_DONE: Name = Name::new("_on_task_done");

impl Class for TaskGroup {
    const NAME: &'static std::ffi::CStr = c"ferraio._ferraio.TaskGroup";
    const DOC: &'static std::ffi::CStr = c"The Rust half of ferraio.TaskGroup.";
    const NEW: Option<fn() -> Self> = Some(TaskGroup::default);

    fn cell() -> &'static ClassCell {
        &CELL
    }

    fn traverse(&self, visit: &mut Visit) {
        self.event_loop.visit(visit);
        self.tasks.visit(visit);
        self.on_completed.visit(visit);
        self.parent_task.visit(visit);
    }

    fn clear(&self) {
        self.event_loop.clear();
        self.tasks.clear();
        self.on_completed.clear();
        self.parent_task.clear();
    }
}

impl Own<TaskGroup> {
    /// Are all methods those of `ferraio.TaskGroup` itself?
    fn is_unmodified(&self) -> Result<bool> {
        static CLASS: Import = Import::new("ferraio._primitives", "TaskGroup");
        Ok(self.obj().type_ptr() == CLASS.get()?.as_ptr().cast())
    }

    /// A child is done.
    #[inline]
    pub fn child_done(&self, child: &Own<Future>) -> Result<()> {
        if child.state() == State::Finished
            && let Some(tasks) = self.tasks.get()
        {
            tasks.set_discard(child.obj())?;
            if !self.on_completed.is_some() || tasks.set_len()? > 0 {
                return Ok(());
            }
        }
        self.obj().call_method(&ON_TASK_DONE, [child.obj()]).map(drop)
    }

    /// The loop and the set of children, if a child can be started the short way.
    #[inline]
    fn ready_for_child(&self) -> Result<Option<(Obj, Obj)>> {
        if !self.entered.get() || self.exiting.get() || self.aborting.get() || !self.is_unmodified()? {
            return Ok(None);
        }
        Ok(self.event_loop.get().zip(self.tasks.get()))
    }

    fn create_task(&self, coro: &Obj, name: Option<Obj>, context: Option<Obj>) -> Result<Option<Obj>> {
        let Some((event_loop, tasks)) = self.ready_for_child()? else { return Ok(None) };
        let Some(event_loop) = Own::<EventLoop>::from_obj(&event_loop).filter(|ours| ours.makes_own_tasks()) else {
            return Ok(None);
        };
        if !crate::task::is_coroutine(coro)? {
            return Ok(None);
        }
        let task = Own::<Task>::create(event_loop, coro, Options { name, context, eager_start: false })?;
        tasks.set_add(task.obj())?;
        task.upcast::<Future>().push_callback(Callback::Group(self.clone()));
        Ok(Some(task.into_obj()))
    }
}

// What Python sees.

fn create_task(this: &Own<TaskGroup>, args: Args<'_>) -> Result<Obj> {
    if let ([coro], false) = (args.positional, args.has_keywords())
        && let Some(task) = this.create_task(coro, None, None)?
    {
        return Ok(task);
    }
    create_task_with_options(this, args)
}

#[cold]
fn create_task_with_options(this: &Own<TaskGroup>, args: Args<'_>) -> Result<Obj> {
    static ORIGINAL: Import = Import::new("ferraio._cold", "create_task_in_group");
    let mut only_known = args.positional.len() == 1;
    let (mut name, mut context) = (None, None);
    let keywords = Obj::dict()?;
    args.for_each_keyword(|keyword, value| {
        keywords.dict_set(keyword, value)?;
        if keyword.is(py::NAME.obj()) {
            name = Some(value.clone());
        } else if keyword.is(py::CONTEXT.obj()) {
            context = Some(value.clone());
        } else {
            only_known = false;
        }
        Ok(())
    })?;
    if only_known && let Some(task) = this.create_task(&args.positional[0], name, context)? {
        return Ok(task);
    }
    let positional: Vec<Obj> = std::iter::once(this.obj()).chain(args.positional).cloned().collect();
    ORIGINAL.get()?.call_tuple_dict(&Obj::tuple_from(positional.into_iter())?, Some(&keywords))
}

macro_rules! flag_attribute {
    ($name:literal, $field:ident) => {{
        fn get(this: &Own<TaskGroup>) -> Result<Obj> {
            Ok(Obj::bool(this.$field.get()))
        }
        fn set(this: &Own<TaskGroup>, value: Option<&Obj>) -> Result<()> {
            this.$field.set(value.map_or(Ok(false), Obj::truth)?);
            Ok(())
        }
        attribute!(TaskGroup, $name, get, set)
    }};
}

macro_rules! object_attribute {
    ($name:literal, $field:ident) => {{
        fn get(this: &Own<TaskGroup>) -> Result<Obj> {
            Ok(this.$field.get_or_none())
        }
        fn set(this: &Own<TaskGroup>, value: Option<&Obj>) -> Result<()> {
            drop(this.$field.replace(value.filter(|value| !value.is_none()).cloned()));
            Ok(())
        }
        attribute!(TaskGroup, $name, get, set)
    }};
}

/// Makes the class.
pub fn make_class(module: &Obj) -> Result<Obj> {
    class::make::<TaskGroup>(
        module,
        class::ClassParts {
            methods: vec![method!(
                TaskGroup,
                "create_task",
                keywords,
                create_task,
                "create_task(coro, *, name=None, context=None, **kwargs)\n\nStart a child task of the group, and return it."
            )],
            attributes: vec![
                flag_attribute!("_entered", entered),
                flag_attribute!("_exiting", exiting),
                flag_attribute!("_aborting", aborting),
                object_attribute!("_loop", event_loop),
                object_attribute!("_tasks", tasks),
                object_attribute!("_on_completed_fut", on_completed),
                object_attribute!("_parent_task", parent_task),
            ],
            ..Default::default()
        },
    )
}
