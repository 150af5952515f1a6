"""gather wants its awaitables one by one."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any


async def resize(size: int) -> int:
    await asyncio.sleep(0)
    return size


def jobs(count: int) -> list[Coroutine[Any, Any, int]]:
    return [resize(size) for size in range(count)]


def lazy_jobs(count: int) -> Iterator[Coroutine[Any, Any, int]]:
    for size in range(count):
        yield resize(size)


async def wrong() -> None:
    print(await asyncio.gather([resize(1), resize(2)]))  # mistake: FER009
    print(await asyncio.gather([resize(size) for size in range(3)]))  # mistake: FER009
    print(await asyncio.gather(resize(size) for size in range(3)))  # mistake: FER009
    waiting = []
    for size in range(3):
        waiting.append(resize(size))
    print(await asyncio.gather(waiting))  # mistake: FER009
    print(await asyncio.gather(jobs(3)))  # mistake: FER009
    tasks = {asyncio.create_task(resize(size)) for size in range(3)}
    print(await asyncio.gather(tasks))  # mistake: FER009


async def right() -> None:
    print(await asyncio.gather(resize(1), resize(2)))
    print(await asyncio.gather(*[resize(size) for size in range(3)]))
    print(await asyncio.gather(*(resize(size) for size in range(3))))
    print(await asyncio.gather(*jobs(3), *lazy_jobs(2)))
    both = [resize(1), resize(2)]
    print(await asyncio.gather(*both))
    first = resize(1)
    print(await asyncio.gather(first, resize(2)))
    done, _ = await asyncio.wait([asyncio.create_task(resize(size)) for size in range(3)])
    print([task.result() for task in done])
    named = {"small": resize(1), "large": resize(9)}
    sizes = dict(zip(named, await asyncio.gather(*named.values()), strict=True))
    print(sizes)


asyncio.run(wrong())
asyncio.run(right())
