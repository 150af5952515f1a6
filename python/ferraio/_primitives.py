"""What programs wait with: the Rust half for what happens often, asyncio's own class for the rest."""

from asyncio import locks, queues, taskgroups, timeouts

from ferraio import _ferraio
from ferraio._ferraio import timeout, timeout_at

__all__ = (
    "BoundedSemaphore",
    "Condition",
    "Event",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "Semaphore",
    "TaskGroup",
    "Timeout",
    "timeout",
    "timeout_at",
)


class TaskGroup(_ferraio.TaskGroup, taskgroups.TaskGroup):
    """Asynchronous context manager for a group of tasks: `asyncio.TaskGroup`, with its hot half in Rust.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.TaskGroup
    """


class Timeout(_ferraio.Timeout, timeouts.Timeout):
    """Asynchronous context manager that cancels its block when the time is over: `asyncio.Timeout`.

    See https://docs.python.org/3/library/asyncio-task.html#asyncio.Timeout
    """


class Lock(_ferraio.Lock, locks.Lock):
    """One task at a time, in the order in which they asked: `asyncio.Lock`.

    See https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock
    """


class Event(_ferraio.Event, locks.Event):
    """A flag that tasks wait for: `asyncio.Event`.

    See https://docs.python.org/3/library/asyncio-sync.html#asyncio.Event
    """


class Condition(locks.Condition):
    """A lock, and waiting until another task that has it says that something changed: `asyncio.Condition`.

    See https://docs.python.org/3/library/asyncio-sync.html#asyncio.Condition
    """

    def __init__(self, lock=None):
        super().__init__(Lock() if lock is None else lock)


class Semaphore(_ferraio.Semaphore, locks.Semaphore):
    """So many tasks at a time, in the order in which they asked: `asyncio.Semaphore`.

    See https://docs.python.org/3/library/asyncio-sync.html#asyncio.Semaphore
    """


class BoundedSemaphore(Semaphore, locks.BoundedSemaphore):
    """A semaphore that notices when it is released too often: `asyncio.BoundedSemaphore`.

    See https://docs.python.org/3/library/asyncio-sync.html#asyncio.BoundedSemaphore
    """


class Queue(_ferraio.Queue, queues.Queue):
    """Items for other tasks, first in, first out: `asyncio.Queue`.

    See https://docs.python.org/3/library/asyncio-queue.html#asyncio.Queue
    """


class PriorityQueue(Queue, queues.PriorityQueue):
    """A queue that gives the smallest item first: `asyncio.PriorityQueue`.

    See https://docs.python.org/3/library/asyncio-queue.html#asyncio.PriorityQueue
    """


class LifoQueue(Queue, queues.LifoQueue):
    """A queue that gives the newest item first: `asyncio.LifoQueue`.

    See https://docs.python.org/3/library/asyncio-queue.html#asyncio.LifoQueue
    """
