//! The transports for the two ends of pipes, and for what else is read or written like one: sockets, terminals, devices.
//!
//! They behave as `asyncio.unix_events._UnixReadPipeTransport` and `_UnixWritePipeTransport` of the running version do.
//! The pipe object is only asked for its fd, and to close itself.
//!
//! | file | what |
//! |---|---|
//! | `reading.rs` | the end that is read |
//! | `writing.rs` | the end that is written |

mod reading;
mod writing;

use ferraio_core::pipe::{self, Kind};

pub use self::reading::{ReadPipeTransport, make_class as make_read_class};
pub use self::writing::{WritePipeTransport, make_class as make_write_class};
use super::endpoint::{Transport, class as of_all};
use crate::error::Error;
use crate::ffi::coroutine::copy_context;
use crate::ffi::{Args, Import, Name, Obj, Own, Result};
use crate::imports as py;

/// `__init__`: takes over a pipe, and has its protocol told. `prepare` gets to know what kind it is, or refuses it.
fn begin<T: Transport>(
    this: &Own<T>,
    class: &str,
    args: Args<'_>,
    prepare: impl FnOnce(Kind) -> std::result::Result<(), &'static str>,
) -> Result<()> {
    static WAITER: Name = Name::new("waiter");
    static EXTRA: Name = Name::new("extra");
    static FILENO: Name = Name::new("fileno");
    static PIPE: Name = Name::new("pipe");
    let names = [&py::LOOP, &PIPE, &py::PROTOCOL, &WAITER, &EXTRA];
    let given = args.bind(class, names, 3, 5)?.map(|value| value.filter(|value| !value.is_none()));
    let [event_loop, pipe, protocol, waiter, extra] = given;
    let (event_loop, pipe, protocol) = of_all::required(this, class, [event_loop, pipe, protocol])?;
    let extra = extra.map_or_else(Obj::dict, Ok)?;
    extra.dict_set(PIPE.obj(), &pipe)?;
    let fd = pipe.call_method(&FILENO, [])?.as_i64()? as i32;
    let kind = pipe::kind(fd).map_err(|error| Error::from(error).raise())?;
    prepare(kind).map_err(|refused| Error::Value(String::from(refused)).raise())?;
    pipe::set_nonblocking(fd).map_err(|error| Error::from(error).raise())?;
    this.endpoint().context.set(copy_context()?);
    this.take_over_file(&event_loop, &pipe, fd, &protocol, extra)?;
    this.introduce(&protocol, waiter)
}

/// `transport._pipe = pipe`: it is another's to close from now on, most often.
fn set_pipe<T: Transport>(this: &Own<T>, pipe: Option<&Obj>) -> Result<()> {
    drop(this.endpoint().sock.replace(pipe.filter(|pipe| !pipe.is_none()).cloned()));
    Ok(())
}

/// In debug mode: a line for the log, that the other end is closed.
fn log_closed_by_peer<T: Transport>(this: &Own<T>) -> Result<()> {
    static LOG: Import = Import::new("ferraio._cold", "log_closed_by_peer");
    if this.event_loop()?.debug() { LOG.get()?.call([this.obj()]).map(drop) } else { Ok(()) }
}

/// The beginning of a `repr`: everything but what waits to be written.
fn describe<T: Transport>(this: &Own<T>, is_polling: bool) -> Vec<String> {
    let mut info = of_all::describe(this);
    let state = match (this.endpoint().has_socket(), this.endpoint().has_open_loop(), is_polling) {
        (false, ..) => "closed",
        (true, false, _) => "open",
        (true, true, true) => "polling",
        (true, true, false) => "idle",
    };
    info.push(String::from(state));
    info
}
