"""A loop that catches everything outlives its time limit."""

import asyncio


async def poll():
    for _ in range(3):
        try:
            await asyncio.sleep(0.05)  # FER010: swallowed the CancelledError, and runs on
        except BaseException:
            continue


async def main():
    async with asyncio.timeout(0.02):
        await poll()


asyncio.run(main())
