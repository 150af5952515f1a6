"""Tasks and futures: to create, to switch, to sleep, to wake each other, to wait for many."""

import asyncio

from benches.case import operations


@operations("sleep(0), switch among 1,000 tasks", least=50_000, counted=True)
async def switch(count):
    """What does it cost to go from one task to the next, among a thousand?"""

    async def step(turns):
        for _ in range(turns):
            await asyncio.sleep(0)

    await asyncio.gather(*[step(count // 1000) for _ in range(1000)])


@operations("gather of 1,000, create and finish a child", least=10_000, counted=True)
async def gather(count):
    """What does a child of gather cost that has nothing to do, from its creation to its result?"""
    for _ in range(count // 1000):
        await asyncio.gather(*[_noop() for _ in range(1000)])


@operations("await create_task(noop())", least=5_000, counted=True)
async def create_task(count):
    """What does it cost to create a task and wait for it, one after another?"""
    for _ in range(count):
        await asyncio.create_task(_noop())


@operations("TaskGroup, a child of 1,000", least=10_000, counted=True)
async def task_group(count):
    """What does a child of a TaskGroup cost that has nothing to do?"""
    for _ in range(count // 1000):
        async with asyncio.TaskGroup() as group:
            for _ in range(1000):
                group.create_task(_noop())


@operations("wait for 1,000 tasks, each", least=10_000, counted=True)
async def wait(count):
    """What does a task cost that wait() waits for, with its creation?"""
    for _ in range(count // 1000):
        await asyncio.wait([asyncio.create_task(_noop()) for _ in range(1000)])


@operations("sleep(1..10 ms), 10,000 tasks", least=500_000)
async def sleep(count):
    """What does a real sleep cost, when ten thousand tasks sleep again and again?"""

    async def sleeper(seconds, times):
        for _ in range(times):
            await asyncio.sleep(seconds)

    await asyncio.gather(*[sleeper(0.001 + 0.009 * n / 10_000, count // 10_000) for n in range(10_000)])


@operations("future ping-pong, 1 pair", least=5_000, counted=True)
async def ping_pong_1(count):
    """What does it cost to wake the other task through a future and to be woken, with nothing else to do?"""
    await _play(pairs=1, wakes=count)


@operations("future ping-pong, 100 pairs", least=20_000, counted=True)
async def ping_pong_100(count):
    """What does it cost to wake a task through a future, when a hundred pairs do it?"""
    await _play(pairs=100, wakes=count // 100)


async def _play(pairs, wakes):
    games = [_Game() for _ in range(pairs)]
    await asyncio.gather(*[player(wakes // 2) for game in games for player in (game.ping, game.pong)])


class _Game:
    """Two tasks that wake each other in turn; each waits on a new future every time."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.to_ping = self.loop.create_future()
        self.to_pong = self.loop.create_future()

    async def ping(self, turns):
        for _ in range(turns):
            self.to_ping = self.loop.create_future()
            self.to_pong.set_result(None)
            await self.to_ping

    async def pong(self, turns):
        for _ in range(turns):
            await self.to_pong
            self.to_pong = self.loop.create_future()
            self.to_ping.set_result(None)


async def _noop():
    pass
