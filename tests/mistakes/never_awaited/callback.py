"""An async function as a callback of the loop is called, but nobody awaits it."""

import asyncio


async def save(item=None):  # FER001: given to the loop as a callback
    return item


async def main():
    asyncio.get_running_loop().call_soon(save)
    await asyncio.sleep(0)


asyncio.run(main())
