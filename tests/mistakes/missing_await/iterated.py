"""A loop over what was to be awaited first."""

# exit: 1
import asyncio


async def rows():
    return [1, 2]


async def main():
    for row in rows():  # FER009: write `for row in await rows():` # FER001: was never awaited
        print(row)


asyncio.run(main())
