"""A task is made of the function instead of a call of it."""

# exit: 1
import asyncio


async def load():
    return None


async def main():
    asyncio.create_task(load)  # FER009: write `asyncio.create_task(load())`


asyncio.run(main())
