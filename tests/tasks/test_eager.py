"""Eager tasks, whose first step is made at once."""

import asyncio
import sys

import pytest
from turns import turn

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio of 3.11 has no eager tasks")


async def nothing():
    pass


def test_an_eager_task_begins_at_once(run):
    async def main():
        loop, own, seen = asyncio.get_running_loop(), asyncio.current_task(), []

        async def body():
            seen.append(asyncio.current_task())
            await turn()
            seen.append(asyncio.current_task())
            return "result"

        task = asyncio.Task(body(), loop=loop, eager_start=True)
        assert seen == [task]
        assert asyncio.current_task() is own
        assert task in asyncio.all_tasks()
        assert await task == "result"
        assert seen == [task, task]

    run(main)


def test_an_eager_task_may_be_done_at_once(run):
    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.Task(nothing(), loop=loop, eager_start=True)
        assert task.done()
        assert task.result() is None
        assert task not in asyncio.all_tasks()

        async def fail():
            raise LookupError("at once")

        task = asyncio.Task(fail(), loop=loop, eager_start=True)
        with pytest.raises(LookupError, match="at once"):
            task.result()

    run(main)


def test_the_eager_task_factory(run):
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        loop.set_task_factory(asyncio.eager_task_factory)

        async def body(number):
            seen.append(number)
            await turn()
            return number

        tasks = [asyncio.create_task(body(number)) for number in range(3)]
        assert seen == [0, 1, 2]
        assert await asyncio.gather(*tasks, body(3)) == [0, 1, 2, 3]
        async with asyncio.TaskGroup() as group:
            group.create_task(body(4))
            assert seen[-1] == 4
        assert await asyncio.gather(nothing(), nothing()) == [None, None]

    run(main)


def test_eager_tasks_inside_eager_tasks(run):
    async def main():
        loop, seen = asyncio.get_running_loop(), []

        async def nest(depth):
            before = asyncio.current_task()
            if depth:
                await asyncio.Task(nest(depth - 1), loop=loop, eager_start=True)
            seen.append(asyncio.current_task() is before)

        await nest(20)
        assert seen == [True] * 21

    run(main)
