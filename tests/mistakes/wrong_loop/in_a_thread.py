"""A thread has no loop, though another one has."""

# exit: 1
import asyncio


def work():
    return asyncio.get_running_loop()  # FER005: run_coroutine_threadsafe


async def main():
    await asyncio.to_thread(work)


asyncio.run(main())
