//! Every Python name we look up: interned attribute names, and what we import from the standard library.

use crate::ffi::{Import, Name};

macro_rules! names {
    ($($constant:ident = $text:literal),+ $(,)?) => {$(
        #[doc = concat!("`", $text, "`")]
        pub static $constant: Name = Name::new($text);
    )+};
}

macro_rules! imports {
    ($($constant:ident = $module:literal, $name:literal);+ $(;)?) => {$(
        #[doc = concat!("`", $module, ".", $name, "`")]
        pub static $constant: Import = Import::new($module, $name);
    )+};
}

names! {
    ADD_DONE_CALLBACK = "add_done_callback",
    ASYNCIO_FUTURE_BLOCKING = "_asyncio_future_blocking",
    CALL_AT = "call_at",
    CALL_EXCEPTION_HANDLER = "call_exception_handler",
    CALL_LATER = "call_later",
    CALL_SOON = "call_soon",
    CANCEL = "cancel",
    CLEAR = "clear",
    CLOSE = "close",
    CONTEXT = "context",
    CORO = "coro",
    CREATE_FUTURE = "create_future",
    CREATE_TASK = "create_task",
    DATA = "data",
    DELAY = "delay",
    DONE = "done",
    EAGER_START = "eager_start",
    EXCEPTION = "exception",
    FUTURE = "future",
    GET_DEBUG = "get_debug",
    GET_LOOP = "get_loop",
    HANDLE = "handle",
    IS_RUNNING = "is_running",
    LIST_OF_DATA = "list_of_data",
    LOOP = "loop",
    MAXSIZE = "maxsize",
    MESSAGE = "message",
    MSG = "msg",
    NAME = "name",
    PROTOCOL = "protocol",
    RESULT = "result",
    RUN_HANDLE = "_run",
    SET_EXCEPTION = "set_exception",
    SET_RESULT = "set_result",
    SLEEP = "sleep",
    SOURCE_TRACEBACK = "source_traceback",
    STEP = "_step",
    TASK = "task",
    THROW = "throw",
    TIME = "time",
    TRANSPORT = "transport",
    WAKEUP = "_wakeup",
    WHEN = "when",
    _CALLBACKS = "_callbacks",
    _LOOP = "_loop",
}

imports! {
    ASYNCIO_FUTURE = "_asyncio", "Future";
    ASYNCIO_TASK = "_asyncio", "Task";
    BASE_CREATE_TASK = "ferraio._cold", "create_task_by_factory";
    CANCELLED_ERROR = "asyncio.exceptions", "CancelledError";
    DESCRIBE_CALLBACK = "ferraio._cold", "describe_callback";
    EXTRACT_STACK = "asyncio.format_helpers", "extract_stack";
    FUTURE_REPR = "asyncio.base_futures", "_future_repr";
    GET_EVENT_LOOP = "_asyncio", "get_event_loop";
    GET_RUNNING_LOOP = "_asyncio", "get_running_loop";
    INVALID_STATE_ERROR = "asyncio.exceptions", "InvalidStateError";
    IS_COROUTINE = "asyncio.coroutines", "iscoroutine";
    TASK_REPR = "asyncio.base_tasks", "_task_repr";
}
