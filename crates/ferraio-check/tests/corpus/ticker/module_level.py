"""Work started while the module is imported, when no loop runs."""

import asyncio


async def tick() -> None:
    await asyncio.sleep(1)


async def main() -> None:
    task = asyncio.create_task(tick())
    await task
    await start_well()


def start_well() -> asyncio.Task[None]:
    return asyncio.create_task(tick())


background = asyncio.create_task(tick())  # mistake: FER005
loop = asyncio.get_running_loop()  # mistake: FER005


class Ticker:
    task = asyncio.create_task(tick())  # mistake: FER005

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(tick())


def start() -> None:
    first = asyncio.create_task(tick())
    first.cancel()


if __name__ == "__main__":
    start()  # mistake: FER005
    coming = tick()
    asyncio.run(coming)
    asyncio.run(main())
