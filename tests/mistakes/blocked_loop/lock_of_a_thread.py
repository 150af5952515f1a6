"""A lock of `threading`, which another thread has."""

# settings: slow=0.05

import asyncio
import threading
import time

lock = threading.Lock()


def hold(held):
    with lock:
        held.set()
        time.sleep(0.4)


async def main():
    held = threading.Event()
    thread = threading.Thread(target=hold, args=(held,))
    thread.start()
    await asyncio.to_thread(held.wait)
    with lock:  # FER002: waiting for a lock or another thread
        pass
    thread.join()


asyncio.run(main())
