"""An f-string shows the coroutine, not its result."""

import asyncio


async def save(item=None):
    return item


async def main():
    print(f"saved: {save(1)}")  # FER001: the text shows the coroutine, not its result


asyncio.run(main())
