"""The result is used before it is there."""

# exit: 1
import asyncio


async def load():
    return {"name": "x"}


async def main():
    data = load()  # FER009: write `data = await load()`
    print(data["name"])


asyncio.run(main())
