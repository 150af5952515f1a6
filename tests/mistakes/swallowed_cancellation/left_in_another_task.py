"""An async generator with a time limit is ended by another task."""

import asyncio


async def lines():
    async with asyncio.timeout(10):  # FER010: is left in task
        yield "first"
        yield "second"


async def main():
    source = lines()
    await anext(source)
    await asyncio.create_task(source.aclose())


asyncio.run(main())
