"""A lock that was used in one run is used in another."""

# exit: 1
import asyncio

lock = asyncio.Lock()


async def hold():
    async with lock:  # FER005: belongs to another loop than the one that runs
        await asyncio.sleep(0)


async def main():
    await asyncio.gather(hold(), hold())


asyncio.run(main())
asyncio.run(main())
