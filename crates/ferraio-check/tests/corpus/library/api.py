"""A library that hides its loop: fine for scripts, fatal for callers that have a loop of their own."""

from __future__ import annotations

import asyncio


async def fetch(name: str) -> str:
    await asyncio.sleep(0)
    return name


def fetch_sync(name: str) -> str:
    return run(fetch(name))


def run(coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


class Client:
    def get(self, name: str) -> str:
        return asyncio.run(self.get_async(name))  # mistake: FER101

    async def get_async(self, name: str) -> str:
        return await fetch(name)
