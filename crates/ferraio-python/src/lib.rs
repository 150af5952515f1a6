//! The module `ferraio._ferraio`: asyncio on ferraio-core.
//!
//! | file | what |
//! |---|---|
//! | `ffi/` | the safe layer over CPython's C API |
//! | `imports.rs`, `error.rs` | Python names, and our errors as Python exceptions |
//! | `event_loop/` | the loop: turn, scheduling, watched fds |
//! | `handle.rs`, `thread_safe_handle.rs`, `future/`, `future_iterator.rs`, `task/` | what the loop runs |
//! | `transport/` | transports of streams, datagrams and TLS, and the loop's `sock_*` |
//! | `streams/` | readers and writers above a transport |
//! | `async_call.rs`, `attributes.rs` | async methods without coroutines, and attributes that are fields |
//! | `diagnose/` | what the diagnosis of programs has in Rust |
//! | `sync/` | locks, events, semaphores, queues |
//! | `checking.rs` | the checker, for `ferraio check` and `ferraio run` |
//! | `sleep.rs`, `sleep_future.rs`, `gather.rs`, `wait.rs`, `task_group.rs`, `timeout.rs` | what programs call |

mod async_call;
mod attributes;
mod checking;
mod diagnose;
mod error;
mod event_loop;
mod ffi;
mod future;
mod future_iterator;
mod gather;
mod handle;
mod imports;
mod sleep;
mod sleep_future;
mod streams;
mod sync;
mod task;
mod task_group;
mod thread_safe_handle;
mod timeout;
mod transport;
mod wait;

use ffi::{Class, Obj, Result, async_function, module};

/// Fills the new module.
fn fill(module: &Obj) -> Result<()> {
    ffi::current_task::prepare()?;
    ffi::context::prepare()?;
    ffi::stop_iteration::make_class(module)?;
    ffi::async_function::make_class(module)?;
    let (handle, timer_handle) = handle::make_classes(module)?;
    let classes = [
        ("Handle", handle),
        ("TimerHandle", timer_handle),
        ("FutureIter", future_iterator::make_class(module)?),
        ("Future", future::make_class(module)?),
        ("Task", task::make_class(module)?),
        ("_GatheringFuture", gather::make_class(module)?),
        ("_WaitingFuture", wait::make_class(module)?),
        ("Sleep", sleep::make_class(module)?),
        ("_SleepFuture", sleep_future::make_class(module)?),
        ("AsyncCall", async_call::make_class(module)?),
        ("Lock", sync::lock::make_class(module)?),
        ("Event", sync::event::make_class(module)?),
        ("Semaphore", sync::semaphore::make_class(module)?),
        ("Queue", sync::queue::make_class(module)?),
        ("Timeout", timeout::make_class(module)?),
        ("TaskGroup", task_group::make_class(module)?),
        ("StreamReader", streams::reader::make_class(module)?),
        ("StreamReaderProtocol", streams::protocol::make_class(module)?),
        ("StreamWriter", streams::writer::make_class(module)?),
        ("SocketTransport", transport::make_transport_class(module)?),
        ("Acceptor", transport::make_acceptor_class(module)?),
        ("DatagramTransport", transport::make_datagram_class(module)?),
        ("ReadPipeTransport", transport::make_read_pipe_class(module)?),
        ("WritePipeTransport", transport::make_write_pipe_class(module)?),
        ("TlsProtocol", transport::tls::make_protocol_class(module)?),
        ("TlsTransport", transport::tls::make_transport_class(module)?),
        ("SocketOperation", transport::make_operation_class(module)?),
        ("EventLoop", event_loop::make_class(module)?),
    ];
    ffi::task_list::prepare()?;
    for (name, class) in &classes {
        module::add(module, name, class)?;
    }
    module::add(module, "__version__", &Obj::str(env!("CARGO_PKG_VERSION"))?)?;
    module::add_functions(
        module,
        vec![
            function!("sleep", sleep::sleep, "sleep(delay, result=None)\n\nWait for delay seconds; return the result."),
            function!(
                "gather",
                gather::gather,
                "gather(*coros_or_futures, return_exceptions=False)\n\nRun awaitables concurrently; return a future of the list of their results."
            ),
            function!(
                "timeout",
                timeout::timeout,
                "timeout(delay)\n\nReturn a Timeout that ends its block after delay seconds; None: never."
            ),
            function!(
                "timeout_at",
                timeout::timeout_at,
                "timeout_at(when)\n\nReturn a Timeout that ends its block at a time of loop.time(); None: never."
            ),
            function!(
                "_wait_for_some",
                wait::wait_for_some,
                "_wait_for_some(loop, futures, return_when)\n\nReturn a future that ends when enough of a set of futures are done."
            ),
            function!(
                "_unfinished_tasks",
                unfinished_tasks,
                "Return the tasks that are not done, of all loops (up to 3.13)."
            ),
            function!(
                "_observe",
                event_loop::observed::observe,
                "_observe(loops, holders)\n\nLoops tell ferraio.diagnose what happens, from their next run on; new locks who holds them."
            ),
            function!(
                "_diagnose_after",
                event_loop::observed::diagnose_after,
                "_diagnose_after(seconds)\n\nLoops that nobody observes begin with it when they have run for so long."
            ),
            function!(
                "_drive_openssl",
                transport::tls::prefer_engine,
                "_drive_openssl(yes)\n\nLet new TLS connections drive OpenSSL, or Python's objects; return the choice before."
            ),
            function!(
                "_check",
                checking::check,
                "_check(arguments, libraries, minor, is_terminal, is_alone)\n\nDo `ferraio check`, alone in this process or not; return status, output, errors."
            ),
            function!(
                "_check_script",
                checking::script,
                "_check_script(path, libraries, minor, ignored, concise, colour)\n\nTell what is wrong with a script before it runs."
            ),
            function!(
                "_explain_rule",
                checking::explain_rule,
                "_explain_rule(rule)\n\nReturn the page of a rule, by its code or name, or None."
            ),
            function!(
                "_render",
                diagnose::render::render,
                "_render(form, code, rule, severity, message, places, notes, help, colour)\n\nReturn the text of a finding."
            ),
            function!(
                "_rule_page",
                diagnose::rule_pages::rule_page,
                "_rule_page(code)\n\nReturn the page of a rule, or None."
            ),
            function!("_panic", ffi::trampoline::panic, "_panic(text)\n\nPanic: tests look at what becomes of it."),
            function!("_tasks_made", task::tasks_made, "Return how many tasks were made."),
            function!(
                "_tell_failures",
                diagnose::failure::tell_failures,
                "_tell_failures(yes)\n\nLet ferraio.diagnose explain the errors of tasks."
            ),
            function!(
                "_note_call_sites",
                note_call_sites,
                "_note_call_sites(yes)\n\nLet awaitables note where they are made."
            ),
            function!(
                "_set_metaclass",
                set_metaclass,
                "_set_metaclass(cls, metaclass)\n\nLet a metaclass decide isinstance()."
            ),
        ],
    )?;
    module::add_functions(module, diagnose::functions())?;
    let sleep = async_function::wrap(module.attr(&imports::SLEEP)?, sleep::ORIGINAL_FUNCTION.get()?.clone())?;
    module::add(module, "sleep", &sleep)
}

fn unfinished_tasks(_: ffi::Args<'_>) -> Result<Obj> {
    Obj::list_from(ffi::task_list::all().into_iter())
}

fn note_call_sites(args: ffi::Args<'_>) -> Result<Obj> {
    if let [yes] = args.positional {
        ffi::call_site::want(yes.truth()?);
    }
    Ok(Obj::none())
}

/// Used by `ferraio._cold` for our own `Future` and `Task`.
fn set_metaclass(args: ffi::Args<'_>) -> Result<Obj> {
    if let [class, metaclass] = args.positional
        && (class.is(<future::Future as Class>::cell().obj()) || class.is(<task::Task as Class>::cell().obj()))
    {
        ffi::class::set_metaclass(class, metaclass);
    }
    Ok(Obj::none())
}
