"""An event that nobody sets, awaited by way of a generator, after a thread has done its work."""
# mode: strict
# exit: 1

import asyncio
import time


async def numbers(event):
    yield 1
    await event.wait()  # FER007: waits for the Event, which nobody sets
    yield 2


async def main():
    await asyncio.to_thread(time.sleep, 0.01)
    async for _ in numbers(asyncio.Event()):
        pass


asyncio.run(main())
