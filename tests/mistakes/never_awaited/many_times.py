"""Ten thousand times the same mistake is one finding."""

# settings: slow=60

import asyncio


async def save(item):
    return item


async def main():
    for number in range(10_000):
        save(number)  # FER001: was never awaited


asyncio.run(main())
