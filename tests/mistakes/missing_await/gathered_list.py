"""gather() wants its awaitables one by one."""

# exit: 1
import asyncio


async def main():
    futures = [asyncio.get_running_loop().create_future()]
    await asyncio.gather(futures)  # FER009: write `await asyncio.gather(*futures)`


asyncio.run(main())
