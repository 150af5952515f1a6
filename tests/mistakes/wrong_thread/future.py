"""A thread ends a future."""

import asyncio
import threading


def work(future):
    future.set_result("done")  # FER011: future.get_loop().call_soon_threadsafe(future.set_result, 'done')


async def main():
    future = asyncio.get_running_loop().create_future()
    threading.Timer(0.05, work, (future,)).start()
    await asyncio.wait([future], timeout=0.3)


asyncio.run(main())
