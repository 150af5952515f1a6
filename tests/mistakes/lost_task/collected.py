"""Nobody keeps a task that waits for what nobody keeps."""

import asyncio
import gc


async def wait():
    await asyncio.get_running_loop().create_future()


async def main():
    asyncio.create_task(wait())  # FER006: was collected by the garbage collector while it waited
    await asyncio.sleep(0)
    gc.collect()


asyncio.run(main())
