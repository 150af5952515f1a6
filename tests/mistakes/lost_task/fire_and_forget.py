"""A background task fails, and the program goes on."""

import asyncio


async def save():
    raise OSError("disk full")


async def main():
    background = asyncio.create_task(save())  # FER006: failed with OSError: disk full, and nobody has looked at it
    await asyncio.sleep(0.8)
    return background


asyncio.run(main())
