"""A global variable holds the coroutine until the program ends."""

import asyncio


async def save(item=None):
    return item


pending = save(1)  # FER001: `pending` is the coroutine, not its result
