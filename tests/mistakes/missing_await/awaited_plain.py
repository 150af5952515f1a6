"""await in front of what is not async."""

# exit: 1
import asyncio


def load():
    return None


async def main():
    await load()  # FER009: `load()` is not a coroutine, and cannot be awaited


asyncio.run(main())
