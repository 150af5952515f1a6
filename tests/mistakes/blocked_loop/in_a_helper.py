"""The call that blocks is in a plain function that a coroutine calls."""

# settings: slow=0.05

import asyncio
import time


def poll_the_printer():
    time.sleep(0.3)  # FER002: await asyncio.to_thread(poll_the_printer)


async def main():
    poll_the_printer()


asyncio.run(main())
