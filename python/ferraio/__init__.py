"""asyncio in Rust: a faster event loop, tasks and primitives, under asyncio's own names.

Three ways in::

    ferraio.run(main())                                        # like asyncio.run(main())
    asyncio.run(main(), loop_factory=ferraio.new_event_loop)   # only the loop, its tasks and its futures
    $ ferraio run script.py                                    # a program that knows nothing of ferraio

``install()`` makes ``asyncio.gather``, ``asyncio.Task`` and the others ferraio's for good; `run` does it for
as long as it runs. Programs start as fast as with asyncio: nothing heavy may be imported here.
"""

from ferraio._event_loop import EventLoop
from ferraio._ferraio import Future, Handle, Task, TimerHandle, __version__, gather, sleep
from ferraio._install import install, installed, uninstall
from ferraio._primitives import (
    BoundedSemaphore,
    Condition,
    Event,
    LifoQueue,
    Lock,
    PriorityQueue,
    Queue,
    Semaphore,
    TaskGroup,
    Timeout,
    timeout,
    timeout_at,
)
from ferraio._run import new_event_loop, run

__all__ = (
    "BoundedSemaphore",
    "Condition",
    "Event",
    "EventLoop",
    "Future",
    "Handle",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "Semaphore",
    "Task",
    "TaskGroup",
    "Timeout",
    "TimerHandle",
    "__version__",
    "gather",
    "install",
    "installed",
    "new_event_loop",
    "run",
    "sleep",
    "timeout",
    "timeout_at",
    "uninstall",
)
