"""Two calls of one function on one line: the one that is dropped is told from the one that is awaited."""

import asyncio


async def save(item=None):
    return item


async def main():
    first = save(1); save(2); await first  # FER001: write `first = save(1); await save(2); await first`  # fmt: skip # noqa: E702


asyncio.run(main())
