"""A task is kept in a set until it is done, and its error is gone with it."""

import asyncio

background = set()


async def save():
    raise OSError("disk full")


async def main():
    task = asyncio.create_task(save())  # FER006: failed with OSError: disk full
    background.add(task)
    task.add_done_callback(background.discard)
    await asyncio.sleep(0.01)


asyncio.run(main())
