"""A task catches everything, its cancellation as well."""

import asyncio


async def stubborn():
    try:
        await asyncio.sleep(10)  # FER010: swallowed the CancelledError, and runs on
    except BaseException:
        pass
    await asyncio.sleep(0.01)


async def main():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


asyncio.run(main())
