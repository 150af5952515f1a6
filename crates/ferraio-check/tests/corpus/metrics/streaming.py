"""Context managers and generators: some are awaited, some are entered, some are iterated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager


class Meter:
    async def __aenter__(self) -> Meter:
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()  # mistake: FER001

    async def open(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)

    async def values(self, count: int) -> AsyncGenerator[int]:
        for value in range(count):
            yield value
            asyncio.sleep(0.1)  # mistake: FER001


@asynccontextmanager
async def meter() -> AsyncGenerator[Meter]:
    made = Meter()
    await made.open()
    try:
        yield made
    finally:
        made.close()  # mistake: FER001
        await made.close()


async def smooth(values: AsyncIterator[int]) -> AsyncIterator[float]:
    async for value in values:
        yield value / 2


async def last(values: AsyncIterator[float]) -> float:
    found = 0.0
    async for found in values:
        pass
    return found


async def main() -> None:
    async with meter() as one, Meter() as other:
        one.open()  # mistake: FER001
        print(await last(smooth(one.values(3))))
        print(last(smooth(other.values(3))) / 2)  # mistake: FER001
        numbers = other.values(2)
        anext(numbers)  # mistake: FER001
        print(await anext(numbers))
        async with aclosing(one.values(5)) as five:
            five.asend(None)  # mistake: FER001
            print([value async for value in five])
        numbers.aclose()  # mistake: FER001
    async with AsyncExitStack() as stack:
        stack.enter_async_context(meter())  # mistake: FER001
        third = await stack.enter_async_context(meter())
        stack.push_async_callback(third.close)
        stack.callback(third.close)  # mistake: FER001
        stack.push_async_exit(Meter())


asyncio.run(main())
