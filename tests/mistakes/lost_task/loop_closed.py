"""A loop is closed before its task is done."""

import asyncio
import gc


async def main():
    asyncio.create_task(asyncio.sleep(10))  # FER006: was left unfinished when its loop ended


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
gc.collect()
