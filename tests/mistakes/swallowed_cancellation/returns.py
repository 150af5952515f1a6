"""A task answers its cancellation with a result."""

import asyncio


async def stubborn():
    try:
        await asyncio.sleep(10)  # FER010: and returned a result as if nothing had happened
    except asyncio.CancelledError:
        return "done"


async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await task


asyncio.run(main())
