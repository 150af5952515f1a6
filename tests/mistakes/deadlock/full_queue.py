"""Nobody takes out what is put in."""
# mode: strict
# exit: 1

import asyncio


async def main():
    queue = asyncio.Queue(maxsize=2)
    for number in range(3):
        await queue.put(number)  # FER007: waits for room in the Queue, which is full (2 of 2)


asyncio.run(main())
