"""An error comes between making a coroutine and awaiting it."""

import asyncio


async def save(item):
    return item


async def main():
    first = save(1)  # FER001: coroutine save() was never awaited
    try:
        int("one")
        await first
    except ValueError:
        pass


asyncio.run(main())
