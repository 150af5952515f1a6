"""Instances that live in modules and class attributes, factories, singletons."""

from __future__ import annotations

import asyncio
from typing import ClassVar


class Store:
    async def read(self, key: str) -> str:
        await asyncio.sleep(0)
        return key

    async def write(self, key: str, value: str) -> None:
        await asyncio.sleep(0)

    def keys(self) -> list[str]:
        return []


class Settings:
    store = Store()
    instance: ClassVar[Settings | None] = None
    factory = Store

    @classmethod
    def get(cls) -> Settings:
        if cls.instance is None:
            cls.instance = cls()
        return cls.instance

    async def set(self, key: str, value: str) -> None:
        self.store.write(key, value)  # mistake: FER001
        await self.store.write(key, value)
        Settings.store.write(key, value)  # mistake: FER001
        self.factory().write(key, value)  # mistake: FER001
        store.write(key, value)  # mistake: FER001
        get_store().write(key, value)  # mistake: FER001
        store.keys()

    async def copy(self, other: Settings) -> None:
        for key in self.store.keys():
            other.set(key, self.store.read(key))  # mistake: FER001
            await other.set(key, await self.store.read(key))


def get_store():
    return store


store = Store()
current = Settings.get()
write = store.write


async def main() -> None:
    global current
    current.set("a", "b")  # mistake: FER001
    Settings.get().set("a", "b")  # mistake: FER001
    write("a", "b")  # mistake: FER001
    await write("a", "b")
    current = Settings()
    await current.set("a", "b")
    await get_store().write("a", "b")
    local = current.store
    local.read("a").upper()  # mistake: FER001
    (await local.read("a")).upper()


asyncio.run(main())
