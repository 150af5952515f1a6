"""A task needs a running loop."""

# exit: 1
import asyncio


async def main():
    pass


coroutine = main()
try:
    asyncio.create_task(coroutine)  # FER005: none runs in this thread
finally:
    coroutine.close()
