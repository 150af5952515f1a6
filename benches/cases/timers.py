"""Timers: those that fire, and the many more that are cancelled before."""

import asyncio
import random

from benches.case import operations

_CHANCE = random.Random(1)
DELAYS = [_CHANCE.uniform(0.0, 0.005) for _ in range(10_000)]


@operations("timer, insert and fire", least=10_000, counted=True)
async def fire(count):
    """What does a timer cost from call_later until it has fired, among ten thousand?"""
    loop = asyncio.get_running_loop()
    for _ in range(count // len(DELAYS)):
        fired = loop.create_future()
        left = len(DELAYS)

        def run(fired=fired):
            nonlocal left
            left -= 1
            if not left:
                fired.set_result(None)

        for delay in DELAYS:
            loop.call_later(delay, run)
        await fired


@operations("timer, insert and cancel", least=10_000, counted=True)
async def cancel(count):
    """What does a timer cost that is cancelled long before it is due, as timeouts are?"""
    loop = asyncio.get_running_loop()
    for _ in range(count // 1000):
        handles = [loop.call_later(60.0 + delay, _return) for delay in DELAYS[:1000]]
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)


def _return():
    pass
