"""A second loop in the thread of a running one."""

# exit: 1
import asyncio


async def main():
    loop = asyncio.new_event_loop()
    try:
        loop.run_forever()  # FER004: loop.run_forever() was called while a loop runs
    finally:
        loop.close()


asyncio.run(main())
