"""A loop runs in one thread and then in another; now the first one must keep away from it."""

import asyncio
import threading


async def schedule():
    loop = asyncio.get_running_loop()
    loop.call_soon(print)
    await asyncio.create_task(asyncio.sleep(0))


async def serve(began):
    began.set()
    await asyncio.sleep(0.05)


loop = asyncio.new_event_loop()
began = threading.Event()
loop.run_until_complete(schedule())
thread = threading.Thread(target=loop.run_until_complete, args=(serve(began),), name="worker")
thread.start()
began.wait()
loop.call_soon(print)  # FER011: is used in thread 'MainThread', while thread 'worker' runs the loop
thread.join()
loop.run_until_complete(schedule())
loop.close()
