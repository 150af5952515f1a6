"""A future of one loop is awaited in another."""

# exit: 1
import asyncio

first = asyncio.new_event_loop()
future = first.create_future()


async def main():
    await future  # FER005: make it in the coroutine that uses it


try:
    asyncio.run(main())
finally:
    first.close()
