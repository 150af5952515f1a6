"""A coroutine as a condition is always true."""

import asyncio


async def save(item=None):
    return item


async def main():
    if save(False):  # FER001: a coroutine is always true
        print("always")


asyncio.run(main())
