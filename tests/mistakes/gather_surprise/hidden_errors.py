"""The first error of a gather hides the others."""

import asyncio


async def fetch(turns, error=None):
    for _ in range(turns):
        await asyncio.sleep(0)
    if error is not None:
        raise error


async def main():
    calls = [fetch(0), fetch(1, ValueError("first")), fetch(10, KeyError("second"))]
    try:
        await asyncio.gather(*calls)  # FER008: gather() raised ValueError: first
    except ValueError:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0)


asyncio.run(main())
