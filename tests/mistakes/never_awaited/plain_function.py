"""A function that is not async cannot await."""

import asyncio


async def save(item=None):
    return item


def handle(item):
    save(item)  # FER001: make it `async def handle` and write `await save(item)`


async def main():
    handle(1)


asyncio.run(main())
