"""A plain function runs a loop of its own, and a coroutine calls it."""

# exit: 1
import asyncio


async def load():
    return 1


def load_now():
    coroutine = load()
    try:
        return asyncio.run(coroutine)  # FER004: await asyncio.to_thread(load_now)
    finally:
        coroutine.close()


async def main():
    load_now()


asyncio.run(main())
