"""What the Rust half calls when it is not in a hurry.

Each function is asyncio's own, or a few lines over it. The names of the standard library are taken when this module is
imported, before anything is installed, so that they mean the stock classes and functions for ever.
"""

import _asyncio
import _socket
import abc
import logging
import warnings
from asyncio import base_events, constants, events, format_helpers, futures, taskgroups, tasks

from ferraio import _ferraio

logger = logging.getLogger("asyncio")

#: asyncio.Handle._run before anybody could patch it through ferraio.
ORIGINAL_RUN = events.Handle._run

sleep = tasks.sleep
gather = tasks.gather

_BaseTaskGroup = taskgroups.TaskGroup


def create_task_by_factory(loop, coro, **options):
    """Let the loop's task factory make a task, as asyncio's loop does."""
    return base_events.BaseEventLoop.create_task(loop, coro, **options)


def create_task_in_group(group, coro, **options):
    """Start a child of a task group in asyncio's own way."""
    return _BaseTaskGroup.create_task(group, coro, **options)


def ensure_future(awaitable, loop):
    """Make a future of any awaitable, as asyncio.gather() does."""
    return tasks.ensure_future(awaitable, loop=loop)


def exception_taken(loop, exception):
    """Return what a future of asyncio's own holds when it is given an exception; raise what it raises."""
    future = _asyncio.Future(loop=loop)
    future.set_exception(exception)
    return future.exception()


def awaited_by(future):
    """Return what asyncio.future_add_to_awaited_by() has noted on a future (3.14+)."""
    base = _asyncio.Task if isinstance(future, _ferraio.Task) else _asyncio.Future
    return base._asyncio_awaited_by.__get__(future)


def describe_callback(callback, arguments, debug):
    """Describe a callback as asyncio's handles do; since 3.13 its arguments are shown in debug mode only."""
    if "debug" in (format_helpers._format_callback_source.__kwdefaults__ or ()):
        return format_helpers._format_callback_source(callback, arguments, debug=debug)
    return format_helpers._format_callback_source(callback, arguments)


def created_at(source_traceback):
    """Say where a handle was created, as asyncio's repr does."""
    frame = source_traceback[-1]
    return f"created at {frame[0]}:{frame[1]}"


def result_or_exception(future):
    """Return what a finished future of any class contributes to gather's results."""
    if future.cancelled():
        return futures.exceptions.CancelledError("" if future._cancel_message is None else future._cancel_message)
    exception = future.exception()
    return future.result() if exception is None else exception


def end_sleep(future):
    """Wake who sleeps, unless the sleep was cancelled."""
    futures._set_result_unless_cancelled(future, None)


def run_handle(loop, handle, patched, debug):
    """Run a handle by the `_run` that somebody has patched into asyncio.Handle, and time it in debug mode."""
    started = loop.time() if debug else 0.0
    if patched:
        events.Handle._run(handle)
    else:
        handle._run()
    if debug:
        duration = loop.time() - started
        if duration >= loop.slow_callback_duration:
            logger.warning("Executing %s took %.3f seconds", base_events._format_handle(handle), duration)
    # An exception that keeps this frame must not keep the handle, and with it the task that keeps the exception.
    del handle


class _KindMeta(abc.ABCMeta):
    """Lets isinstance() and issubclass() of Future and Task ask for asyncio's own classes in C.

    They are the base classes of ours, so that old and new objects count alike, and a task as a future, whichever
    generation of the names a program holds.
    """

    def __instancecheck__(cls, instance):
        return issubclass(type(instance), _KINDS.get(cls, cls))

    def __subclasscheck__(cls, subclass):
        return type.__subclasscheck__(_KINDS.get(cls, cls), subclass)


_KINDS = {_ferraio.Future: _asyncio.Future, _ferraio.Task: _asyncio.Task}
for _kind in _KINDS:
    _ferraio._set_metaclass(_kind, _KindMeta)


class _TasksBeside:
    """A set of asyncio's, through which `asyncio.all_tasks()` sees ferraio's unfinished tasks too (up to 3.13)."""

    def __init__(self, others):
        self._others = others

    def __iter__(self):
        yield from list(self._others)
        yield from _ferraio._unfinished_tasks()

    def __len__(self):
        return len(self._others) + len(_ferraio._unfinished_tasks())

    def __contains__(self, task):
        return task in self._others or task in _ferraio._unfinished_tasks()

    def __getattr__(self, name):
        return getattr(self._others, name)


def _show_tasks_to_asyncio():
    for name in ("_eager_tasks", "_all_tasks"):
        others = getattr(tasks, name, None)
        if others is not None and not isinstance(others, _TasksBeside):
            setattr(tasks, name, _TasksBeside(others))
            return


_show_tasks_to_asyncio()


# Sockets and transports.

#: The number of a socket's family, without asking for the name of it.
family_of = _socket.socket.family.__get__


def wake_waiter(waiter):
    """Tell who made a transport that its protocol knows of the connection."""
    futures._set_result_unless_cancelled(waiter, None)


def fail_empty_waiter(waiter):
    """Tell sendfile that its connection is gone."""
    if not waiter.done():
        waiter.set_exception(ConnectionError("Connection is closed by peer"))


def warn_unclosed(transport, _warn=warnings.warn):
    """Warn that nobody has closed a transport."""
    _warn(f"unclosed transport {transport!r}", ResourceWarning, source=transport)


def log_transport(text, transport):
    """Note in debug mode what a transport does."""
    logger.debug(text, transport)


def log_transport_error(transport, message, error):
    """Note in debug mode why a connection ends."""
    logger.debug("%r: %s", transport, message, exc_info=error)


def log_lost_write(count):
    """Warn who keeps on writing to a lost connection."""
    if count >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
        logger.warning("socket.send() raised exception.")


def log_lost_pipe_write(count):
    """Warn who keeps on writing to a pipe that is closed, or that nobody reads."""
    if count >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
        logger.warning("pipe closed by peer or os.write(pipe, data) raised exception.")


def log_closed_by_peer(transport):
    """Note in debug mode that the other end of a pipe is closed."""
    logger.info("%r was closed by peer", transport)


def log_lost_tls_write():
    """Warn who keeps on writing to a lost connection with TLS."""
    logger.warning("SSL connection is closed")


def write_buffer_limits(high, low):
    """Return (low, high), with asyncio's defaults and checks."""
    if high is None:
        high = 64 * 1024 if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return low, high
