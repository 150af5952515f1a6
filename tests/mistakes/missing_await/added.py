"""A number and a coroutine."""

# exit: 1
import asyncio


async def count():
    return 1


async def main():
    total = 0
    total += count()  # FER009: write `total += await count()` # FER001: was never awaited


asyncio.run(main())
