"""A lambda uses a coroutine as its result."""

# exit: 1
import asyncio


async def load():
    return {"name": "x"}


async def main():
    name = lambda: load()["name"]  # FER009: a lambda cannot await # FER001: was never # noqa: E731
    print(name())


asyncio.run(main())
