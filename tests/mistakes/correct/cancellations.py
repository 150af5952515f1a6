"""Cancellations that arrive."""

import asyncio


async def clean_up():
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(0.01)


async def log_and_raise():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        raise


async def retry():
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError:
        await asyncio.sleep(0)


async def group():
    async def fail():
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(clean_up())
            group.create_task(fail())
    except* ValueError:
        await asyncio.sleep(0)


async def worker():
    # It returns when it is cancelled, at the end of the program.
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        return


async def main():
    for function in (clean_up, log_and_raise):
        task = asyncio.create_task(function())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await retry()
    await group()
    asyncio.create_task(worker())
    await asyncio.sleep(0)


asyncio.run(main())
