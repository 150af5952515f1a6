"""A list of coroutines that nobody gathers: each call is a site of its own."""

import asyncio


async def save(item=None):
    return item


async def main():
    results = [
        save(1),  # FER001: what is in a collection is not awaited by it
        save(2),  # FER001: coroutine save() was never awaited
    ]
    print(len(results))


asyncio.run(main())
