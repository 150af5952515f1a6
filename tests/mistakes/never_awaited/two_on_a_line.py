"""Two calls on one line are two sites."""

import asyncio


async def save(item=None):
    return item


async def load():
    return 1


async def main():
    save(1), load()  # FER001: was never awaited


asyncio.run(main())
