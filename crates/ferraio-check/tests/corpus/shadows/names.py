"""Names that are bound more than once: the same word is async here and not there."""

from __future__ import annotations

import asyncio
import sys

try:
    from json import loads
except ImportError:
    loads = None

if sys.version_info >= (3, 11):

    async def settle() -> None:
        await asyncio.sleep(0)
else:

    async def settle() -> None:
        await asyncio.sleep(0.1)


if sys.platform == "win32":

    def flush() -> None:
        print("flushed")
else:

    async def flush() -> None:
        await asyncio.sleep(0)


async def parse(text: str) -> object:
    await asyncio.sleep(0)
    return loads(text) if loads else text


async def save(name: str) -> None:
    await asyncio.sleep(0)


async def with_parameter(save) -> None:
    save("a")


async def with_local() -> None:
    def save(name: str) -> None:
        print(name)

    save("a")


async def with_rebinding() -> None:
    sleep = asyncio.sleep
    sleep(1)  # mistake: FER001
    await sleep(1)
    sleep = print
    sleep(1)


async def with_loop() -> None:
    for save in (print, len):
        save("a")


async def with_global() -> None:
    save("a")  # mistake: FER001
    settle()  # mistake: FER001
    await settle()


class Printer:
    def save(self, name: str) -> None:
        print(name)

    async def settle(self) -> None:
        self.save("a")
        await asyncio.sleep(0)


class Recorder(Printer):
    async def settle(self) -> None:
        self.save("a")
        super().save("a")
        super().settle()  # mistake: FER001


async def with_unknown(thing, things: list) -> None:
    thing.settle()
    things[0].settle()
    getattr(thing, "settle")()
    Printer().save("a")
    Recorder().settle()  # mistake: FER001


async def with_deletion() -> None:
    from json import dumps as save

    save("a")
