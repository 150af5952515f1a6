"""A loop runs in one thread and then in another; now the first one must keep away from it."""

import asyncio
import threading


async def schedule():
    loop = asyncio.get_running_loop()
    loop.call_soon(print)
    await asyncio.create_task(asyncio.sleep(0))


async def serve(began, ended):
    began.set()
    await ended.wait()


loop = asyncio.new_event_loop()
began, ended = threading.Event(), asyncio.Event()
loop.run_until_complete(schedule())
thread = threading.Thread(target=loop.run_until_complete, args=(serve(began, ended),), name="worker")
thread.start()
began.wait()
loop.call_soon(print)  # FER011: is used in thread 'MainThread', while thread 'worker' runs the loop
loop.call_soon_threadsafe(ended.set)
thread.join()
loop.run_until_complete(schedule())
loop.close()
