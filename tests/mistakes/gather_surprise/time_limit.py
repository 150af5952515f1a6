"""A time limit throws away what was there already."""

import asyncio


def both():
    return asyncio.gather(asyncio.sleep(0, "result"), asyncio.sleep(10))


async def main():
    try:
        await asyncio.wait_for(both(), 0.05)  # FER008: of 2 children 1 had ended
    except TimeoutError:
        pass
    try:
        async with asyncio.timeout(0.05):
            await both()  # FER008: what they returned or raised is lost
    except TimeoutError:
        pass


asyncio.run(main())
