"""A thread starts a task, cancels one, sets a timer and an event, and fills a queue."""

import asyncio
import threading


def work(loop, task, event, queue):
    loop.create_task(asyncio.sleep(0))  # FER011: asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
    loop.call_later(0.01, print)  # FER011: loop.call_soon_threadsafe(loop.call_later, 0.01, print)
    loop.call_at(0, print)  # FER011: loop.call_soon_threadsafe(loop.call_at, 0, print)
    task.cancel()  # FER011: task.get_loop().call_soon_threadsafe(task.cancel)
    event.set()  # FER011: loop.call_soon_threadsafe(event.set)
    queue.put_nowait(1)  # FER011: is used in thread 'worker', while thread 'MainThread' runs the loop


async def main():
    loop, event, queue = asyncio.get_running_loop(), asyncio.Event(), asyncio.Queue()
    waiting = [asyncio.create_task(each) for each in (asyncio.sleep(5), event.wait(), queue.get())]
    await asyncio.sleep(0)
    thread = threading.Thread(target=work, args=(loop, waiting[0], event, queue), name="worker")
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.01)
    await asyncio.wait(waiting)


asyncio.run(main())
