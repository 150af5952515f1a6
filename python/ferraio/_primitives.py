"""What programs wait with: the Rust half for what happens often, asyncio's own class for the rest."""

from asyncio import taskgroups, timeouts

from ferraio import _ferraio
from ferraio._ferraio import timeout, timeout_at

__all__ = ("TaskGroup", "Timeout", "timeout", "timeout_at")


class TaskGroup(_ferraio.TaskGroup, taskgroups.TaskGroup):
    """Asynchronous context manager for a group of tasks: `asyncio.TaskGroup`, with its hot half in Rust.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.TaskGroup
    """


class Timeout(_ferraio.Timeout, timeouts.Timeout):
    """Asynchronous context manager that cancels its block when the time is over: `asyncio.Timeout`.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.Timeout
    """
