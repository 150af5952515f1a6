"""The coroutine is given to a function that knows nothing of coroutines."""

import asyncio


async def save(item=None):
    return item


def show(value):
    return str(value)


async def main():
    show(save(1))  # FER001: `show` was given the coroutine, and nobody awaited it


asyncio.run(main())
