"""gather() of a list of coroutines."""

# exit: 1
import asyncio


async def load():
    return 1


async def main():
    await asyncio.gather([load(), load()])  # FER009: write `await asyncio.gather(*[load(), load()])`


asyncio.run(main())
