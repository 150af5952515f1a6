"""A list made in a loop; the help gathers it."""

import asyncio


async def save(item=None):
    return item


async def main():
    results = [save(number) for number in range(3)]  # FER001: write `results = await asyncio.gather(*[save(number)
    print(len(results))


asyncio.run(main())
