"""Ten thousand times the same mistake is one finding."""

import asyncio


async def save(item):
    return item


async def main():
    for number in range(10_000):
        save(number)  # FER001: was never awaited


asyncio.run(main())
