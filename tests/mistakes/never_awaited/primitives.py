"""What asyncio's own objects return has to be awaited, too."""

import asyncio


async def main():
    queue = asyncio.Queue()
    queue.put(1)  # FER001: coroutine Queue.put() was never awaited
    waiting = asyncio.Event().wait()  # FER001: write `waiting = await asyncio.Event().wait()`


asyncio.run(main())
