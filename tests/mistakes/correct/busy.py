"""A loop that is never idle, with steps that are all short, and blocking calls in threads."""

# settings: slow=0.2

import asyncio
import hashlib
import time


async def work():
    for _ in range(2_000):
        await asyncio.sleep(0)


async def main():
    await asyncio.gather(
        *[work() for _ in range(50)],
        asyncio.to_thread(time.sleep, 0.5),
        asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"", b"", 500_000),
        asyncio.sleep(0.5),
    )


asyncio.run(main())
