"""Tasks that fail, and somebody looks."""

import asyncio


async def fail():
    raise OSError("disk full")


async def main():
    awaited = asyncio.create_task(fail())
    asked = asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    assert isinstance(asked.exception(), OSError)
    try:
        await awaited
    except OSError:
        pass
    await asyncio.gather(fail(), fail(), return_exceptions=True)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(10))
    except* OSError:
        pass
    done, _ = await asyncio.wait([asyncio.create_task(fail())])
    assert all(task.exception() for task in done)
    watched = asyncio.create_task(fail())
    watched.add_done_callback(lambda task: task.exception())
    await asyncio.sleep(0.7)


asyncio.run(main())
