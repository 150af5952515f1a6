"""`wait`: the checks and the time limit; the Rust half keeps the books."""

import asyncio
from asyncio import tasks

from ferraio import _ferraio

_original_wait = tasks.wait


async def wait(fs, *, timeout=None, return_when=asyncio.ALL_COMPLETED):
    """Wait for futures or tasks, and return a set of those that are done and a set of those that are not.

    `timeout` is in seconds; when it is over nobody is cancelled, and nothing is raised. `return_when` is one of
    `FIRST_COMPLETED`, `FIRST_EXCEPTION` and `ALL_COMPLETED`.

    Raises TypeError for a single future or a coroutine, ValueError for nothing to wait for or an unknown
    `return_when`. See https://docs.python.org/3/library/asyncio-task.html#asyncio.wait
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, _ferraio.EventLoop):
        return await _original_wait(fs, timeout=timeout, return_when=return_when)
    if asyncio.isfuture(fs) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    if not fs:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED):
        raise ValueError(f"Invalid return_when value: {return_when}")
    return await _wait(set(fs), timeout, return_when, loop)


# A coroutine of its own, as in asyncio, which call graphs show.
async def _wait(futures, timeout, return_when, loop):
    waiting, timer = _ferraio._wait_for_some(loop, futures, return_when), None
    try:
        if timeout is not None:
            timer = loop.call_later(timeout, waiting.time_is_over)
        await waiting
    finally:
        if timer is not None:
            timer.cancel()
        done_and_pending = waiting.leave(futures)
    return done_and_pending
