"""In mode strict it is an error."""
# mode: strict
# exit: 1

import asyncio


async def save():
    raise OSError("disk full")


async def main():
    asyncio.create_task(save())  # FER006: failed with OSError: disk full
    await asyncio.sleep(0.01)


asyncio.run(main())
