"""A loop in another thread is diagnosed as the first one is."""

import asyncio
import threading


async def save(item):
    return item


async def main():
    result = save(1)  # FER001: write `result = await save(1)`


thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
