"""A variable gets the coroutine, and nothing is done with it."""

import asyncio


async def save(item=None):
    return item


async def main():
    result = save(1)  # FER001: write `result = await save(1)`


asyncio.run(main())
