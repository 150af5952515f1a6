"""Ordinary functions that hand a coroutine to their caller: the mistake is the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any


async def send(to: str) -> int:
    await asyncio.sleep(0)
    return len(to)


def send_to_boss():
    return send("boss@example.org")


def send_to_all(people: list[str]) -> Awaitable[list[int]]:
    return asyncio.gather(*(send(person) for person in people))


def either(first: bool) -> Coroutine[Any, Any, int]:
    if first:
        return send("a@example.org")
    message = send("b@example.org")
    return message


def one_by_one(people: list[str]) -> Iterator[Coroutine[Any, Any, int]]:
    for person in people:
        yield send(person)


def length(to: str) -> int:
    return send(to)  # mistake: FER001


def log_and_send(to: str) -> None:
    print("sending")
    send(to)  # mistake: FER001


class Outbox:
    def __init__(self) -> None:
        self.waiting: list[Coroutine[Any, Any, int]] = []
        self.next = send("first@example.org")
        self.by_name = {"boss": send_to_boss()}

    def add(self, to: str) -> Outbox:
        self.waiting.append(send(to))
        return self

    async def flush(self) -> list[int]:
        await self.next
        await self.by_name.pop("boss")
        waiting, self.waiting = self.waiting, []
        return await asyncio.gather(*waiting)


async def run_all(*coroutines: Awaitable[int]) -> int:
    return sum([await coroutine for coroutine in coroutines])


async def main() -> None:
    send_to_boss()  # mistake: FER001
    await send_to_boss()
    either(True)  # mistake: FER001
    print(await either(False) + 1)
    print(either(False) + 1)  # mistake: FER001
    total = await run_all(send("c@example.org"), either(True), *one_by_one(["d@example.org"]))
    await send_to_all(["e@example.org"])
    box = Outbox().add("f@example.org").add("g@example.org")
    box.flush()  # mistake: FER001
    print(total, await box.flush())
    dropped = send("nobody@example.org")
    dropped.close()
    chosen = (await asyncio.wait_for(send("h@example.org"), 1), await asyncio.shield(send("i@example.org")))
    print(chosen)


asyncio.run(main())
