"""A condition that nobody notifies."""
# mode: strict
# exit: 1

import asyncio


async def main():
    condition = asyncio.Condition()
    async with condition:
        await condition.wait()  # FER007: waits for a notification of the Condition


asyncio.run(main())
