"""Functions made inside functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


def make_counter(start: int) -> Callable[[], Awaitable[int]]:
    value = start

    async def count() -> int:
        nonlocal value
        await asyncio.sleep(0)
        value += 1
        return value

    return count


def make_pair():
    async def add() -> None:
        await asyncio.sleep(0)

    def reset() -> None:
        print("reset")

    return add, reset


async def main() -> None:
    async def beat() -> None:
        await asyncio.sleep(0)

    def twice():
        return [beat(), beat()]

    counter = make_counter(3)
    counter()  # mistake: FER001
    await counter()
    make_counter(4)()  # mistake: FER001
    beat()  # mistake: FER001
    await asyncio.gather(*twice())
    add, reset = make_pair()
    add()  # mistake: FER001
    reset()
    await add()
    beats = {"beat": beat, "counter": counter}
    await beats["beat"]()
    beats["beat"]()  # mistake: FER001
    again = beat
    again()  # mistake: FER001
    delayed = lambda: beat()
    delayed()  # mistake: FER001
    await delayed()
    for function in (beat, counter):
        await function()
        function()  # mistake: FER001


if __name__ == "__main__":
    asyncio.run(main())
