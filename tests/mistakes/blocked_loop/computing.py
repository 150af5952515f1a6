"""A loop in pure Python that computes for long."""

# settings: slow=0.05

import asyncio
import time


async def main():
    end = time.thread_time() + 0.5
    while time.thread_time() < end: pass  # FER002: in pieces, with `await asyncio.sleep(0)`  # fmt: skip # noqa: E701


asyncio.run(main())
