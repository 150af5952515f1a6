"""A plain function returns the coroutine, and its caller forgets to await."""

import asyncio


async def save(item=None):
    return item


def save_later(item):
    return save(item)  # FER001: write `await` where `save_later` is called


async def main():
    save_later(1)


asyncio.run(main())
