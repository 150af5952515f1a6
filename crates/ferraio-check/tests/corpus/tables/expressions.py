"""Coroutines used as the values they will have."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from typing import TypedDict

log = logging.getLogger(__name__)


class Row(TypedDict):
    name: str
    size: int


async def row(name: str) -> Row:
    await asyncio.sleep(0)
    return {"name": name, "size": len(name)}


async def rows() -> list[Row]:
    return [await row("a"), await row("b")]


async def size() -> int:
    return len(await rows())


async def headers() -> dict[str, str]:
    await asyncio.sleep(0)
    return {}


async def table() -> str:
    name = row("a")["name"]  # mistake: FER001
    first = rows()[0]  # mistake: FER001
    print(len(rows()), size())  # mistake: FER001
    for each in rows():  # mistake: FER001
        print(each)
    names = [each["name"] for each in rows()]  # mistake: FER001
    total = size() + 1  # mistake: FER001
    total += size()  # mistake: FER001
    merged = {**headers(), "a": "b"}  # mistake: FER001
    print(*rows())  # mistake: FER001
    log.info("%s rows", size())  # mistake: FER001
    text = "{} rows".format(size())  # mistake: FER001
    text += "%d rows" % size()  # mistake: FER001
    width = math.sqrt(size())  # mistake: FER001
    text += json.dumps({"rows": size()})  # mistake: FER001
    if "a" in headers():  # mistake: FER001
        text += str(size())  # mistake: FER001
    del rows()[0]  # mistake: FER001
    print(name, first, names, total, merged, width, -size())  # mistake: FER001
    return text


async def table_well() -> str:
    name = (await row("a"))["name"]
    first = (await rows())[0]
    print(len(await rows()), await size())
    names = [each["name"] for each in await rows()]
    total = await size() + 1
    total += await size()
    merged = {**await headers(), "a": "b"}
    waiting = {"rows": rows(), "size": size()}
    log.info("%s rows", await size())
    found = await waiting["rows"], await waiting["size"]
    text = f"{await size()} rows, {name}, {first}, {names}, {total}, {merged}, {found}"
    pair = (row("a"), row("b"))
    both = await asyncio.gather(*pair)
    async with asyncio.timeout(1):
        text += json.dumps([await row("c"), *both])
    return text


asyncio.run(table())
asyncio.run(table_well())
