"""Two tasks await each other."""
# mode: strict
# exit: 1

import asyncio


async def main():
    started = asyncio.Event()

    async def first():
        await started.wait()
        await tasks[1]  # FER007: which waits for the end of task

    async def second():
        await started.wait()
        await tasks[0]

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    started.set()
    await asyncio.Event().wait()


try:
    asyncio.run(main())
except RecursionError:
    # What asyncio makes of cancelling such tasks.
    raise SystemExit(1) from None
