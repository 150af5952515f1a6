"""Somebody who calls the library from a coroutine."""

import asyncio

import library
from library import Client


class CachingClient(Client):
    def cached(self, name: str) -> str:
        return self.get(name)


async def main() -> None:
    print(library.fetch_sync("a"))  # mistake: FER004
    client = CachingClient()
    print(client.get("b"))  # mistake: FER004
    print(client.cached("c"))  # mistake: FER004
    print(await client.get_async("d"))
    print(await asyncio.to_thread(client.cached, "e"))
    print(await asyncio.to_thread(lambda: library.fetch_sync("f")))


def script() -> None:
    print(library.fetch_sync("a"), CachingClient().cached("b"))
    asyncio.run(main())
