"""The coroutine is given to a function by keyword."""

import asyncio


async def save(item=None):
    return item


async def main():
    dict(item=save(1))  # FER001: it was passed on, and nobody awaited it


asyncio.run(main())
