"""A sibling goes on after a gather has failed, and does what nobody wants any more."""

import asyncio


async def fail():
    raise ValueError("no")


async def pay():
    for _ in range(10):
        await asyncio.sleep(0)


async def main():
    both = asyncio.gather(fail(), pay())
    try:
        await both  # FER008: 1 sibling ran on
    except ValueError:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0)


asyncio.run(main())
