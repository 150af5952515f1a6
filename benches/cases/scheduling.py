"""Callbacks: how much the loop itself costs, with no task in sight."""

import asyncio
import contextlib
import queue
import threading

from benches.case import operations


@operations("call_soon, 1,000 at once", least=10_000, counted=True)
async def call_soon_batch(count):
    """What does it cost to schedule a callback and run it, when a thousand wait together?"""
    loop = asyncio.get_running_loop()
    for _ in range(count // 1000):
        for _ in range(1000):
            loop.call_soon(_return)
        await asyncio.sleep(0)


@operations("call_soon, 100 callbacks that reschedule", least=10_000, counted=True)
async def call_soon_again(count):
    """What does it cost when each of a hundred callbacks schedules itself again?"""
    await _reschedule(callbacks=100, each=count // 100)


@operations("call_soon, one callback that reschedules", least=10_000, counted=True)
async def turn(count):
    """What does one turn of the loop cost, with one callback in it that schedules itself again?"""
    await _reschedule(callbacks=1, each=count)


async def _reschedule(callbacks, each):
    loop = asyncio.get_running_loop()
    finished = loop.create_future()
    unfinished = callbacks

    def run(left):
        nonlocal unfinished
        if left:
            loop.call_soon(run, left - 1)
        else:
            unfinished -= 1
            if not unfinished:
                finished.set_result(None)

    for _ in range(callbacks):
        loop.call_soon(run, each - 1)
    await finished


def _return():
    pass


@contextlib.asynccontextmanager
async def answering_thread():
    """A thread that gives each future its result as soon as it comes in."""
    loop = asyncio.get_running_loop()
    futures = queue.SimpleQueue()

    def answer():
        while (future := futures.get()) is not None:
            loop.call_soon_threadsafe(future.set_result, None)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield (futures,)
    finally:
        futures.put(None)
        thread.join()


@operations("call_soon_threadsafe, round trip", least=500, prepare=answering_thread)
async def threadsafe_wake(count, futures):
    """What does it cost to wait until another thread has woken the loop?"""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        future = loop.create_future()
        futures.put(future)
        await future
