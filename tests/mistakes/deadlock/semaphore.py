"""A task that has the only place of a semaphore starts another that needs one."""
# mode: strict
# exit: 1

import asyncio


async def visit(depth, limit):
    async with limit:  # FER007: waits for the Semaphore, held by task 'Task-1' (main)
        pass


async def main():
    limit = asyncio.Semaphore(1)
    async with limit:
        await asyncio.create_task(visit(1, limit))


asyncio.run(main())
