"""run_until_complete() of the loop that runs."""

# exit: 1
import asyncio


async def main():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().run_until_complete(future)  # FER004: write `await future`


asyncio.run(main())
