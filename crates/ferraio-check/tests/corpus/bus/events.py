"""A bus of events: handlers are kept in tables, and some are async."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, Self

Handler = Callable[[str], Coroutine[Any, Any, None]]
Plain = Callable[[str], None]


class Bus:
    def __init__(self) -> None:
        self.handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        self.plain: list[Plain] = []
        self.either: list[Callable[[str], Any]] = []
        self.on_error: Handler | None = None

    def on(self, event: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.handlers[event].append(handler)
            return handler

        return register

    def named(self, name: str) -> Self:
        print(name)
        return self

    async def emit(self, event: str) -> None:
        for handler in self.handlers[event]:
            handler(event)  # mistake: FER001
        await asyncio.gather(*(handler(event) for handler in self.handlers[event]))
        for plain in self.plain:
            plain(event)
        for either in self.either:
            result = either(event)
            if inspect.isawaitable(result):
                await result
        if self.on_error is not None:
            self.on_error(event)  # mistake: FER001
            await self.on_error(event)


bus = Bus()


@bus.on("start")
async def started(event: str) -> None:
    await asyncio.sleep(0)


def spawned(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(coroutine)


async def main() -> None:
    started("start")  # mistake: FER001
    bus.emit("start")  # mistake: FER001
    bus.named("a").named("b").emit("start")  # mistake: FER001
    await bus.named("a").emit("start")
    task = spawned(started("again"))
    await task
    bus.plain.append(print)
    bus.either.append(started)
    emitting = {bus.emit(event) for event in ("a", "b")}
    for emitted in emitting:
        await emitted


asyncio.run(main())
