"""Gathers of which nothing gets lost."""

import asyncio


async def fail():
    raise ValueError("no")


async def main():
    assert await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0.01, 2)) == [1, 2]
    await asyncio.gather(fail(), fail(), asyncio.sleep(0.01), return_exceptions=True)
    tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(10))]
    try:
        await asyncio.gather(*tasks)
    except ValueError:
        tasks[1].cancel()
    try:
        await asyncio.wait_for(asyncio.gather(asyncio.sleep(10), asyncio.sleep(10)), 0.01)
    except TimeoutError:
        pass
    await asyncio.sleep(0.05)


asyncio.run(main())
