"""A barrier for three, and two come."""
# mode: strict
# exit: 1

import asyncio


async def runner(barrier):
    await barrier.wait()  # FER007: waits for others at the Barrier, where 2 of 3 are


async def main():
    barrier = asyncio.Barrier(3)
    await asyncio.gather(runner(barrier), runner(barrier))


asyncio.run(main())
