"""A callback that makes a coroutine and drops it."""

import asyncio


async def save(item=None):
    return item


async def main():
    asyncio.get_running_loop().call_soon(lambda: save(1))  # FER001: the lambda returned it
    await asyncio.sleep(0)


asyncio.run(main())
