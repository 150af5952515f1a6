"""Threads that talk to a loop as they should."""

import asyncio
import threading


def work(loop, event):
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
    loop.call_soon_threadsafe(event.set)


async def main():
    event = asyncio.Event()
    threading.Thread(target=work, args=(asyncio.get_running_loop(), event)).start()
    await event.wait()
    await asyncio.to_thread(sum, [1, 2])


asyncio.run(main())
