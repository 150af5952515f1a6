"""await in front of the function instead of a call of it."""

# exit: 1
import asyncio


async def load():
    return None


async def main():
    await load  # FER009: call it: write `()` after its name


asyncio.run(main())
