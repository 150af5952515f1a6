"""anyio's tasks and streams."""

from __future__ import annotations

import anyio
from anyio.abc import TaskGroup


async def copy(name: str) -> int:
    await anyio.sleep(0)
    return len(name)


async def watch(group: TaskGroup, names: list[str]) -> None:
    group.start_soon(copy, "a")
    for name in names:
        group.start_soon(copy, name)
    anyio.sleep(1)  # mistake: FER001
    group.cancel_scope.cancel()
    await anyio.to_thread.run_sync(print, "done")
    anyio.to_thread.run_sync(print, "done")  # mistake: FER001


async def main() -> None:
    sender, receiver = anyio.create_memory_object_stream[str](3)
    async with anyio.create_task_group() as group, sender, receiver:
        group.start_soon(watch, group, ["b"])
        sender.send("c")  # mistake: FER001
        sender.send_nowait("c")
        await sender.send("d")
        if receiver.receive() == "c":  # mistake: FER001
            print("got it")
    with anyio.move_on_after(1):
        await copy("e")
    path = anyio.Path("notes")
    if path.exists():  # mistake: FER001
        print(path.name, await path.read_text())


anyio.run(main)
