"""A thread schedules a callback as if it were the loop's own."""

import asyncio
import threading


def work(loop, done):
    loop.call_soon(done.set)  # FER011: loop.call_soon_threadsafe(done.set)


async def main():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    thread = threading.Thread(target=work, args=(loop, done), name="worker")
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.01)
    await done.wait()


asyncio.run(main())
