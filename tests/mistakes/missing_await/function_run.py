"""asyncio.run() is given the function instead of a call of it."""

# exit: 1
import asyncio


async def main():
    return None


asyncio.run(main)  # FER009: write `asyncio.run(main())`
