"""The first error of a gather hides the others."""

import asyncio


async def fetch(delay, error=None):
    await asyncio.sleep(delay)
    if error is not None:
        raise error


async def main():
    calls = [fetch(0), fetch(0.01, ValueError("first")), fetch(0.02, KeyError("second"))]
    try:
        await asyncio.gather(*calls)  # FER008: gather() raised ValueError: first
    except ValueError:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0.01)


asyncio.run(main())
