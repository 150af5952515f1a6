//! What Python sees of the watched fds: readers, writers, and what a selector would show.

use super::EventLoop;
use super::schedule::context_of;
use super::watch::{Direction, Io, Target, cancel};
use crate::error::Error;
use crate::ffi::{Args, Import, Obj, Own, Result};
use crate::handle::{Arguments, Handle};
use crate::method;

/// The fd number of an int or a file object, with the errors of `selectors`.
fn fd_number(object: &Obj) -> Result<i32> {
    static TO_FD: Import = Import::new("selectors", "_fileobj_to_fd");
    if let Some(fd) = object.exact_i64().and_then(|number| i32::try_from(number).ok()).filter(|fd| *fd >= 0) {
        return Ok(fd);
    }
    let number = TO_FD.get()?.call([object])?.as_i64()?;
    i32::try_from(number).map_err(|_| Error::Value(format!("Invalid file descriptor: {number}")).raise())
}

fn add(this: &Own<EventLoop>, args: Args<'_>, direction: Direction, function: &str) -> Result<Obj> {
    let [fd, callback, arguments @ ..] = args.positional else {
        return Err(Error::type_(format!("{function}() takes a file descriptor and a callback")));
    };
    this.check_open()?;
    let fd = fd_number(fd)?;
    let context = context_of(&args, function)?;
    let handle = Own::<Handle>::create(this, callback.clone(), Arguments::from_slice(arguments)?, context)?;
    this.replace_target(fd, direction, Some(Target::Handle(handle.clone())))?;
    Ok(handle.into_obj())
}

fn remove(this: &Own<EventLoop>, fd: &Obj, direction: Direction) -> Result<Obj> {
    if this.is_closed() {
        return Ok(Obj::bool(false));
    }
    let fd = fd_number(fd)?;
    cancel(this.unwatch(fd, direction)).map(Obj::bool)
}

/// What a selector of the standard library would have: (fd, events, (reader, writer)) for each fd that is watched.
fn watches(this: &Own<EventLoop>) -> Result<Obj> {
    let watched = this.io.borrow().as_ref().map_or_else(Vec::new, Io::watched);
    let mut entries = Vec::with_capacity(watched.len());
    for (fd, reader, writer) in watched {
        let events = i64::from(reader.is_some()) * EVENT_READ + i64::from(writer.is_some()) * EVENT_WRITE;
        let side = |target: &Option<Target>| target.as_ref().map_or_else(Obj::none, |target| target.obj().clone());
        let data = Obj::tuple([side(&reader), side(&writer)])?;
        entries.push(Obj::tuple([Obj::int(fd as i64)?, Obj::int(events)?, data])?);
    }
    Obj::list_from(entries.into_iter())
}

/// The numbers of the module `selectors`.
const EVENT_READ: i64 = 1;
const EVENT_WRITE: i64 = 2;

fn add_reader(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    add(this, args, Direction::Read, "add_reader")
}

fn add_writer(this: &Own<EventLoop>, args: Args<'_>) -> Result<Obj> {
    add(this, args, Direction::Write, "add_writer")
}

fn remove_reader(this: &Own<EventLoop>, fd: &Obj) -> Result<Obj> {
    remove(this, fd, Direction::Read)
}

fn remove_writer(this: &Own<EventLoop>, fd: &Obj) -> Result<Obj> {
    remove(this, fd, Direction::Write)
}

pub(super) fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![
        method!(
            EventLoop,
            "_add_reader",
            keywords,
            add_reader,
            "_add_reader(fd, callback, *args, context=None)\n\nCall a callback whenever the fd can be read; return its Handle."
        ),
        method!(
            EventLoop,
            "_add_writer",
            keywords,
            add_writer,
            "_add_writer(fd, callback, *args, context=None)\n\nCall a callback whenever the fd can be written; return its Handle."
        ),
        method!(
            EventLoop,
            "_watches",
            noargs,
            watches,
            "Return (fd, events, (reader, writer)) for each fd that is watched."
        ),
        method!(EventLoop, "_remove_reader", one, remove_reader, "Stop watching the fd; was it watched for reading?"),
        method!(EventLoop, "_remove_writer", one, remove_writer, "Stop watching the fd; was it watched for writing?"),
    ]
}
