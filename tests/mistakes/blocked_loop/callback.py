"""A callback blocks the loop as a task does."""

# settings: slow=0.05

import asyncio
import time


def callback(done):
    time.sleep(0.3)  # FER002: sleeping
    done.set()


async def main():
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(callback, done)
    await done.wait()


asyncio.run(main())
