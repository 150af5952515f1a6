"""TaskGroup: the Rust half for what happens per child, asyncio's own class for the rest."""

from asyncio import events, taskgroups, timeouts

from ferraio import _ferraio


class TaskGroup(_ferraio.TaskGroup, taskgroups.TaskGroup):
    """Asynchronous context manager for a group of tasks: `asyncio.TaskGroup`, with its hot half in Rust.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.TaskGroup
    """


class Timeout(timeouts.Timeout):
    """Asynchronous context manager that cancels its body when the time is over: `asyncio.Timeout`.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.Timeout
    """


def timeout(delay: float | None) -> Timeout:
    """Cancel the body of an `async with` after delay seconds, as `asyncio.timeout`."""
    return Timeout(events.get_running_loop().time() + delay if delay is not None else None)


def timeout_at(when: float | None) -> Timeout:
    """Cancel the body of an `async with` at a time of the loop's clock, as `asyncio.timeout_at`."""
    return Timeout(when)
