"""Tasks that nobody keeps may be collected while they run, and their errors are seen by nobody."""

from __future__ import annotations

import asyncio
from asyncio import create_task as spawn
from typing import Any


async def index(document: str) -> None:
    await asyncio.sleep(0)


def schedule(document: str) -> asyncio.Task[None]:
    return asyncio.create_task(index(document))


class Scheduler:
    """Has a method of the same name, and keeps what it makes."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.current: asyncio.Task[Any] | None = None

    def create_task(self, coroutine: Any) -> None:
        self.tasks.append(asyncio.create_task(coroutine))

    def restart(self) -> None:
        self.current = asyncio.create_task(index("restart"))


async def main(documents: list[str]) -> None:
    loop = asyncio.get_running_loop()
    asyncio.create_task(index("a"))  # mistake: FER006
    spawn(index("b"))  # mistake: FER006
    loop.create_task(index("c"))  # mistake: FER006
    asyncio.get_running_loop().create_task(index("d"))  # mistake: FER006
    for document in documents:
        asyncio.create_task(index(document), name=document)  # mistake: FER006
    loop.call_later(1, lambda: asyncio.create_task(index("e")))  # mistake: FER006
    _ = asyncio.create_task(index("f"))  # mistake: FER006
    [asyncio.create_task(index(document)) for document in documents]  # mistake: FER006
    unused = asyncio.create_task(index("g"))  # mistake: FER006

    scheduler = Scheduler()
    scheduler.create_task(index("h"))
    scheduler.restart()
    kept = {asyncio.create_task(index(document)) for document in documents}
    await asyncio.wait(kept)
    await schedule("i")
    await asyncio.create_task(index("j"))
    async with asyncio.TaskGroup() as group:
        group.create_task(index("k"))
        for document in documents:
            group.create_task(index(document))
    tasks = [spawn(index(document)) for document in documents]
    for task in tasks:
        task.cancel()
    first = spawn(index("l"))
    first.add_done_callback(print)
    done, pending = await asyncio.wait([first], timeout=1)
    print(done, pending)
