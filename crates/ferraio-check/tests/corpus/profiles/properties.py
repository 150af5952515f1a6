"""Async properties and cached ones: the attribute itself is the coroutine."""

from __future__ import annotations

import asyncio
from functools import cached_property


class Avatar:
    async def save(self, path: str) -> None:
        await asyncio.sleep(0)

    @property
    def size(self) -> int:
        return 64


class Profile:
    def __init__(self, name: str) -> None:
        self.name = name
        self._avatar = Avatar()

    @property
    async def is_admin(self) -> bool:
        await asyncio.sleep(0)
        return self.name == "root"

    @property
    def avatar(self) -> Avatar:
        return self._avatar

    @cached_property
    def loading(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.load())

    async def load(self) -> None:
        await asyncio.sleep(0)

    @classmethod
    async def find(cls, name: str) -> Profile:
        await asyncio.sleep(0)
        return cls(name)

    @staticmethod
    async def forget(name: str) -> None:
        await asyncio.sleep(0)


async def show(profile: Profile) -> str:
    if await profile.is_admin:
        return "root"
    print("admin" if profile.is_admin else "user")  # mistake: FER001
    profile.avatar.save("avatar.png")  # mistake: FER001
    print(profile.avatar.size)
    await profile.avatar.save("avatar.png")
    await profile.loading
    profile.load()  # mistake: FER001
    return profile.name


async def main() -> None:
    found = Profile.find("ann").name  # mistake: FER001
    Profile.forget(found)  # mistake: FER001
    profile = await Profile.find("ann")
    await profile.forget("bob")
    Profile("bob").forget("bob")  # mistake: FER001
    name = (await Profile.find("ann")).name
    print(await show(profile), name)
    show(await Profile.find("bob"))  # mistake: FER001


asyncio.run(main())
