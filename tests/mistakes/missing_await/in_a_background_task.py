"""The error of a task is explained, wherever it is shown."""

import asyncio


async def load():
    return {"name": "x"}


async def work():
    data = load()  # FER009: write `data = await load()`
    return data["name"]


async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    print("\n".join(task.exception().__notes__))


asyncio.run(main())
