"""Sleeping as one does without async."""

# settings: slow=0.05

import asyncio
import time


async def main():
    time.sleep(0.3)  # FER002: write `await asyncio.sleep(0.3)`


asyncio.run(main())
