"""The consumer forgets `task_done()`."""
# mode: strict
# exit: 1

import asyncio


async def main():
    queue = asyncio.Queue()
    queue.put_nowait("item")
    queue.get_nowait()
    await queue.join()  # FER007: waits for all items of the Queue to be done, of which 1 are not


asyncio.run(main())
