"""A task fails just before the program ends, and is kept by the module."""

import asyncio

tasks = []


async def save():
    raise OSError("disk full")


async def main():
    tasks.append(asyncio.create_task(save()))  # FER006: failed with OSError: disk full
    await asyncio.sleep(0.01)


asyncio.run(main())
