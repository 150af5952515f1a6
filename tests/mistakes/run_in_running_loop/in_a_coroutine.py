"""asyncio.run() in a coroutine."""

# exit: 1
import asyncio


async def load():
    return 1


async def main():
    value = asyncio.run(load())  # FER004: write `value = await load()`
    print(value)


asyncio.run(main())
