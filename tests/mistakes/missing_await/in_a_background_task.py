"""The error of a task is explained, wherever it is shown."""

import asyncio
import traceback


async def load():
    return {"name": "x"}


async def work():
    data = load()  # FER009: write `data = await load()`
    return data["name"]


async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    traceback.print_exception(task.exception())


asyncio.run(main())
