"""Generic repositories behind a protocol, one on disk and one in memory."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Named(Protocol):
    name: str


class Cache(Protocol):
    async def forget(self, name: str) -> None: ...

    def size(self) -> int: ...


class Repository(ABC, Generic[T]):
    @abstractmethod
    async def load(self, name: str) -> T: ...

    @abstractmethod
    async def save(self, value: T) -> None: ...

    async def replace(self, name: str, value: T) -> None:
        self.save(value)  # mistake: FER001
        await self.load(name)


class Part:
    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.count = count


class PartRepository(Repository[Part]):
    def __init__(self, cache: Cache) -> None:
        self.parts: dict[str, Part] = {}
        self.cache = cache

    async def load(self, name: str) -> Part:
        await asyncio.sleep(0)
        return self.parts[name]

    async def save(self, value: Part) -> None:
        self.cache.forget(value.name)  # mistake: FER001
        self.cache.size()
        await self.cache.forget(value.name)
        self.parts[value.name] = value

    async def replace(self, name: str, value: Part) -> None:
        super().replace(name, value)  # mistake: FER001
        await super().replace(name, value)


class Counting(PartRepository):
    saves = 0

    async def save(self, value: Part) -> None:
        self.saves += 1
        return await super().save(value)


async def restock(repository: Repository[Part], names: list[str]) -> int:
    total = 0
    for name in names:
        total += repository.load(name).count  # mistake: FER001
        part = await repository.load(name)
        part.count += 1
        repository.save(part)  # mistake: FER001
    return total


async def totals(repositories: dict[str, PartRepository]) -> None:
    repositories["screws"].load("m3")  # mistake: FER001
    for repository in repositories.values():
        repository.save(Part("m4", 1))  # mistake: FER001
    both = (repository.load("m3") for repository in repositories.values())
    print(sum([(await part).count for part in both]))


def pick(counting: bool, cache: Cache) -> PartRepository:
    return Counting(cache) if counting else PartRepository(cache)


async def main(cache: Cache) -> None:
    pick(True, cache).save(Part("m5", 2))  # mistake: FER001
    await pick(False, cache).save(Part("m5", 2))
    saving = pick(True, cache).save
    await saving(Part("m5", 2))
