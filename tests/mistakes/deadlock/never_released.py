"""A task takes a lock, and an error keeps it from giving it back."""
# mode: strict
# exit: 1

import asyncio


async def careless(lock):
    await lock.acquire()
    int("x")
    lock.release()


async def main():
    lock = asyncio.Lock()
    await asyncio.gather(careless(lock), return_exceptions=True)
    await lock.acquire()  # FER007: which task 'Task-2' took, that has ended without giving it back


asyncio.run(main())
