"""Who cancels does not give up, and who is cancelled does not either."""

import asyncio


async def stubborn():
    while not finished:
        try:
            await asyncio.sleep(10)  # FER010: swallowed the CancelledError
        except asyncio.CancelledError:
            pass


async def main():
    global finished
    task = asyncio.create_task(stubborn())
    for _ in range(1001):
        await asyncio.sleep(0)
        task.cancel()  # FER010: was cancelled 1000 times and still runs
    finished = True
    await task


finished = False
asyncio.run(main())
