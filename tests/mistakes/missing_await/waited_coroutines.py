"""wait() wants tasks."""

# exit: 1
import asyncio


async def load():
    return None


async def main():
    coroutine = load()
    try:
        await asyncio.wait([coroutine])  # FER009: wait() takes tasks, not coroutines
    finally:
        coroutine.close()


asyncio.run(main())
