"""A coroutine is always true: conditions that do not ask."""

from __future__ import annotations

import asyncio


async def allowed(user: str) -> bool:
    await asyncio.sleep(0)
    return user == "root"


async def count() -> int:
    await asyncio.sleep(0)
    return 3


async def maybe(user: str) -> str | None:
    await asyncio.sleep(0)
    return user or None


async def check(user: str) -> str:
    while not allowed(user):  # mistake: FER001
        user = "root"
    assert allowed(user)  # mistake: FER001
    word = "yes" if allowed(user) else "no"  # mistake: FER001
    if user and allowed(user):  # mistake: FER001
        word += "!"
    if count() > 2:  # mistake: FER001
        word += "?"
    if maybe(user) is None:  # mistake: FER001
        return "nobody"
    if found := maybe(user):  # mistake: FER001
        print(found)
    both = [name for name in ("a", "b") if allowed(name)]  # mistake: FER001
    match count():  # mistake: FER001
        case 1:
            return "one"
        case _:
            pass
    print(both, not allowed(user))  # mistake: FER001
    return word


async def check_well(user: str, later: bool) -> str:
    while not await allowed(user):
        user = "root"
    assert await allowed(user)
    word = "yes" if await allowed(user) else "no"
    asking = allowed(user) if later else None
    if asking is not None and await asking:
        word += "!"
    if (found := await maybe(user)) and await count() > 2:
        print(found)
    both = [name for name in ("a", "b") if await allowed(name)]
    match await count():
        case 1:
            return "one"
        case _:
            print(both)
    pending = allowed(user) if later else count()
    print(await pending)
    coming = later and allowed(user)
    if coming:
        print(await coming)
    return word
