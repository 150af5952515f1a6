"""Memory: how large a program becomes when very many tasks wait."""

import asyncio
import gc
import os
import sys

from benches.case import Sample, reading

TASKS = 100_000


@reading("memory, a task that waits on a future", unit="bytes")
def waiting(peer, effort):
    """How many bytes of resident memory does a task need that waits on a future of its own?"""

    async def wait():
        await asyncio.get_running_loop().create_future()

    return _resident_per_task(peer, wait)


@reading("memory, a task in sleep()", unit="bytes")
def sleeping(peer, effort):
    """How many bytes of resident memory does a task need that sleeps?"""

    async def wait():
        await asyncio.sleep(3600)

    return _resident_per_task(peer, wait)


def _resident_per_task(peer, wait):
    async def measured():
        gc.collect()
        before = _resident_bytes()
        tasks = [asyncio.create_task(wait()) for _ in range(TASKS)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        grown = _resident_bytes() - before
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return Sample(grown / TASKS, TASKS)

    with asyncio.Runner(loop_factory=peer.new_event_loop) as runner:
        return runner.run(measured())


def _resident_bytes():
    if sys.platform != "linux":
        raise OSError(f"resident memory is not known how to read on {sys.platform}")
    with open("/proc/self/statm") as sizes:
        return int(sizes.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
