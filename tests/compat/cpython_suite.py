"""CPython's own test.test_asyncio: which of its modules we run, and how they come to test ferraio.

The running interpreter brings the tests along. Used by the parent (`battery.py`) and by its child (`in_child.py`).
"""

import os
from pathlib import Path

NAME = "CPython"
PREFIX = "test.test_asyncio."

MODULES = (
    "test_futures",
    "test_futures2",
    "test_tasks",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_runners",
    "test_locks",
    "test_queues",
    "test_threads",
    "test_context",
    "test_eager_task_factory",
    "test_events",
    "test_server",
    "test_sock_lowlevel",
    "test_buffered_proto",
    "test_streams",
    "test_graph",
    "test_free_threading",
    "test_pep492",
    "test_staggered",
    "test_subprocess",
    "test_sendfile",
    "test_unix_events",
    "test_server_context",
    "test_ssl",
    "test_sslproto",
)
"""What we run; a Python that does not have one of them skips it."""


def modules_of_this_python() -> list[str]:
    """The modules of `MODULES` that the running interpreter has; none if it came without its tests."""
    try:
        from test import test_asyncio
    except ImportError:
        return []
    here = Path(test_asyncio.__file__).parent
    return [module for module in MODULES if (here / f"{module}.py").exists()]


def environment() -> dict[str, str]:
    """The child's environment: our own."""
    return dict(os.environ)


def prepare(mode: str) -> None:
    """In the child: makes the loops that the tests get, or all of asyncio, ferraio's."""
    if mode == "installed":
        install_ferraio()
    if mode in ("loop", "installed"):
        use_ferraio_loop()


def use_ferraio_loop() -> None:
    """Makes every way in which the tests get a loop lead to ferraio's."""
    import asyncio
    import asyncio.unix_events

    import ferraio

    class LoopUnderTest(ferraio.EventLoop):
        """ferraio's loop, made like a SelectorEventLoop: the selector that some tests bring is closed."""

        def __init__(self, selector=None):
            if selector is not None:
                selector.close()
            super().__init__()

    policy = getattr(asyncio.unix_events, "_UnixDefaultEventLoopPolicy", None)
    if policy is None:
        policy = asyncio.unix_events._DefaultEventLoopPolicy
    policy._loop_factory = LoopUnderTest
    for module in (asyncio, asyncio.unix_events):
        module.SelectorEventLoop = LoopUnderTest
        if hasattr(module, "EventLoop"):
            module.EventLoop = LoopUnderTest


def install_ferraio() -> None:
    """Installs ferraio, and shows our Task and Future to the tests meant for the accelerated ones in C."""
    import asyncio

    import ferraio

    ferraio.install()
    asyncio.futures._CFuture = asyncio.futures.Future
    asyncio.tasks._CTask = asyncio.tasks.Task
