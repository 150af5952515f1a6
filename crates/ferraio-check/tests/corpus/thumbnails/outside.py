"""`await` where no coroutine is: each of these is a SyntaxError that hides the whole module."""

import asyncio


async def shrink(name: str) -> bytes:
    await asyncio.sleep(0)
    return name.encode()


class Gallery:
    def __init__(self, names: list[str]) -> None:
        self.names = names

    def first(self) -> bytes:
        return await shrink(self.names[0])  # mistake: FER003

    async def all(self) -> list[bytes]:
        def one(name: str) -> bytes:
            return await shrink(name)  # mistake: FER003

        async def other(name: str) -> bytes:
            return await shrink(name)

        return [one(name) for name in self.names] + [await other(name) for name in self.names]

    def __aiter__(self):
        return self.walk()

    async def walk(self):
        for name in self.names:
            yield await shrink(name)

    def sizes(self) -> list[int]:
        return [len(thumbnail) async for thumbnail in self]  # mistake: FER003

    def later(self):
        async def later() -> list[bytes]:
            return [thumbnail async for thumbnail in self]

        return later()


def print_all(gallery: Gallery) -> None:
    async for thumbnail in gallery:  # mistake: FER003
        print(thumbnail)


def with_lock(lock: asyncio.Lock) -> None:
    async with lock:  # mistake: FER003
        print("locked")


async def sort_names(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: await shrink(name))  # mistake: FER003


def lazily(gallery: Gallery):
    return (len(thumbnail) async for thumbnail in gallery)


size = await shrink("cover.png")  # mistake: FER003
