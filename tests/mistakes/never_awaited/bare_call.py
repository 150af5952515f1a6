"""The result of an async function is thrown away with it."""

import asyncio


async def save(item=None):
    return item


async def main():
    save(1)  # FER001: write `await save(1)`


asyncio.run(main())
