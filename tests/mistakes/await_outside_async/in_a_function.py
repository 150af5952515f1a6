"""await in a function that is not async."""

# exit: 1
import asyncio


def handle():
    await asyncio.sleep(1)  # FER003: write `async def handle():`


asyncio.run(handle())
