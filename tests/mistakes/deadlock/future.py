"""A future that nobody resolves."""
# mode: strict
# exit: 1

import asyncio


async def main():
    await asyncio.get_running_loop().create_future()  # FER007: waits for a future that nobody resolves


asyncio.run(main())
