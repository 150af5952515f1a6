"""asyncio.sleep() without await does not sleep."""

import asyncio


async def main():
    asyncio.sleep(1)  # FER001: write `await asyncio.sleep(1)`


asyncio.run(main())
