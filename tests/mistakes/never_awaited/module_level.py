"""At the top of a program there is no loop to await in."""

import asyncio


async def save(item=None):
    return item


save(1)  # FER001: write `asyncio.run(save(1))`
