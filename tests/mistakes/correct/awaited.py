"""Everything is awaited: by await, by a task, by gather, or closed."""

import asyncio


async def save(item):
    return item


async def main():
    await save(1)
    await asyncio.gather(*[save(number) for number in range(3)])
    task = asyncio.create_task(save(4))
    await task
    later = save(5)
    await later
    save(6).close()
    async with asyncio.TaskGroup() as group:
        group.create_task(save(7))
    await asyncio.wait_for(save(8), 1)
    await asyncio.sleep(0)


asyncio.run(main())
