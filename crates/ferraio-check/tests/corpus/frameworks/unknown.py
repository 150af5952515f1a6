"""Libraries that are not installed: of what nobody can know, nothing is said."""

from __future__ import annotations

import asyncio

import somelib
from otherlib import Client, connect, task

app = somelib.App()


async def load(name: str) -> str:
    await asyncio.sleep(0)
    return name


@app.get("/items")
async def items() -> list[str]:
    load("items")  # mistake: FER001
    return [await load("a")]


@task(queue="slow")
async def rebuild(name: str) -> None:
    await load(name)


class Admin(somelib.View):
    async def get(self) -> str:
        self.render("admin")
        connect("db")
        return await self.respond(load("admin"))

    async def own(self) -> str:
        await asyncio.sleep(0)
        return "own"

    async def use(self) -> None:
        self.own()  # mistake: FER001
        await self.own()


async def main() -> None:
    rebuild("index")
    rebuild.delay("index")
    client = Client()
    client.get("/items")
    app.spawn(load("b"))
    somelib.run(load("c"), load("d"))
    somelib.schedule(load)
    connection = connect("db")
    connection.run(load("e"))
    load("f")  # mistake: FER001


app.run(main)
