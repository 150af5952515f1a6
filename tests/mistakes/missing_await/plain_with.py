"""A lock of asyncio wants async with."""

# exit: 1
import asyncio


async def main():
    with asyncio.Lock():  # FER009: write `async with`
        pass


asyncio.run(main())
