"""Queues, locks and time limits: what tasks use to wait for each other."""

import asyncio

from benches.case import operations


@operations("Queue(0), an item put and got", least=10_000, counted=True)
async def queue_unbounded(count):
    """What does an item cost in a queue where nobody ever waits?"""
    queue = asyncio.Queue()
    for _ in range(count // 1000):
        for item in range(1000):
            await queue.put(item)
        for _ in range(1000):
            await queue.get()


@operations("Queue(1), 50 producers and consumers", least=5_000, counted=True)
async def queue_of_one(count):
    """What does an item cost when producer and consumer wait for each other all the time?"""

    async def produce(queue, items):
        for item in range(items):
            await queue.put(item)

    async def consume(queue, items):
        for _ in range(items):
            await queue.get()

    queues = [asyncio.Queue(1) for _ in range(50)]
    await asyncio.gather(*[side(queue, count // 50) for queue in queues for side in (produce, consume)])


@operations("Lock, free", least=10_000, counted=True)
async def lock_free(count):
    """What does `async with lock` cost when nobody else wants it?"""
    lock = asyncio.Lock()
    for _ in range(count):
        async with lock:
            pass


@operations("Lock, wanted by 10 tasks", least=5_000, counted=True)
async def lock_contended(count):
    """What does it cost to hand a lock to the next of ten tasks, each holding it over a sleep(0)?"""
    await _take_turns(asyncio.Lock(), tasks=10, each=count // 10)


@operations("Semaphore(10), wanted by 100 tasks", least=5_000, counted=True)
async def semaphore(count):
    """What does a place cost when a hundred tasks share ten, each holding it over a sleep(0)?"""
    await _take_turns(asyncio.Semaphore(10), tasks=100, each=count // 100)


async def _take_turns(guard, tasks, each):
    async def hold():
        for _ in range(each):
            async with guard:
                await asyncio.sleep(0)

    await asyncio.gather(*[hold() for _ in range(tasks)])


@operations("Event, wake one of 100 waiters", least=5_000, counted=True)
async def event(count):
    """What does a waiter cost, from wait() until set() has woken it, among a hundred?"""
    event = asyncio.Event()

    async def wait(times):
        for _ in range(times):
            await event.wait()

    times = count // 100
    waiters = [asyncio.create_task(wait(times)) for _ in range(100)]
    for _ in range(times):
        await asyncio.sleep(0)
        event.set()
        event.clear()
    await asyncio.wait(waiters)


@operations("timeout(10) around sleep(0)", least=5_000, counted=True)
async def timeout(count):
    """What does a time limit cost that is never reached?"""
    for _ in range(count):
        async with asyncio.timeout(10):
            await asyncio.sleep(0)


@operations("wait_for(sleep(0), 10)", least=5_000, counted=True)
async def wait_for(count):
    """What does wait_for cost when its limit is never reached?"""
    for _ in range(count):
        await asyncio.wait_for(asyncio.sleep(0), 10)
