"""Loops inside loops, in a program that grew from a script."""

import asyncio
import functools


async def query(sql):
    await asyncio.sleep(0)
    return [sql]


def run_query(sql):
    loop = asyncio.new_event_loop()
    return loop.run_until_complete(query(sql))


def sync(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return asyncio.run(function(*arguments))

    return wrapper


@sync
async def refresh(name):
    return await query(name)


class Dashboard:
    def __init__(self):
        self.rows = run_query("SELECT 1")
        self.loop = asyncio.new_event_loop()

    def update(self):
        self.rows = run_query("SELECT 2")

    def update_twice(self):
        self.update()
        self.update()

    async def render(self):
        self.update()  # mistake: FER004
        return str(self.rows)

    async def render_twice(self):
        self.update_twice()  # mistake: FER004
        return refresh("everything")  # mistake: FER004

    async def render_well(self):
        self.rows = await query("SELECT 3")
        await asyncio.to_thread(self.update_twice)
        await asyncio.to_thread(refresh, "everything")
        return str(self.rows)

    async def with_new_loop(self):
        self.loop.run_until_complete(query("SELECT 4"))  # mistake: FER004
        self.loop.run_forever()  # mistake: FER004

    def serve(self):
        self.loop.run_until_complete(self.render_well())
        self.loop.run_forever()


async def make():
    dashboard = Dashboard()  # mistake: FER004
    other = await asyncio.to_thread(Dashboard)
    return dashboard, other


async def outer():
    def inner():
        asyncio.run(query("SELECT 5"))

    inner()  # mistake: FER004


def main():
    refresh("at start")
    dashboard = Dashboard()
    dashboard.update_twice()
    dashboard.serve()


main()
