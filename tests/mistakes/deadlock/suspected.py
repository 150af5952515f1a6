"""Tasks are stuck while others go on: nobody can prove that none of those would help."""
# settings: deadlock=0.2

import asyncio


async def one(left, right):
    async with left:
        await asyncio.sleep(0)
        async with right:  # FER007: suspected deadlock
            pass


async def main():
    left, right = asyncio.Lock(), asyncio.Lock()
    stuck = [asyncio.create_task(one(left, right)), asyncio.create_task(one(right, left))]
    await asyncio.wait(stuck, timeout=1)
    for task in stuck:
        task.cancel()


asyncio.run(main())
