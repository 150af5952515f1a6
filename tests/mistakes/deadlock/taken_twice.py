"""A method that takes a lock calls another one that takes it, too."""
# mode: strict
# exit: 1

import asyncio


class Cache:
    def __init__(self):
        self.lock = asyncio.Lock()

    async def refresh(self):
        async with self.lock:
            await self.clear()

    async def clear(self):
        async with self.lock:  # FER007: waits for the Lock, which it holds itself
            pass


asyncio.run(Cache().refresh())
