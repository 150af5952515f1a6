"""loop.create_task(): which keywords reach whom, in each version as in its own asyncio."""

import asyncio
import contextvars
import sys

import pytest

variable = contextvars.ContextVar("variable")


async def child():
    return variable.get("unset")


def test_name_and_context_are_those_that_were_asked_for(run):
    async def main():
        context = contextvars.copy_context()
        context.run(variable.set, "set")
        loop = asyncio.get_running_loop()
        for create in (loop.create_task, asyncio.create_task):
            task = create(child(), name="named", context=context)
            assert (task.get_name(), await task) == ("named", "set")
            task = create(child(), name=5)
            assert (task.get_name(), await task) == ("5", "unset")

    run(main)


def test_a_keyword_that_nobody_knows_is_refused(run):
    async def main():
        coro = child()
        with pytest.raises(TypeError, match="colour"):
            asyncio.get_running_loop().create_task(coro, colour="red")
        coro.close()

    run(main)


def test_a_task_factory_gets_what_asyncio_gives_it(run, loop_kind):
    async def with_factory():
        def factory(loop, coro, **options):
            given.append(options)
            return task_class(coro, loop=loop, name=options.get("name"), context=options.get("context"))

        given = []
        loop = asyncio.get_running_loop()
        task_class = type(asyncio.current_task())
        context = contextvars.copy_context()
        loop.set_task_factory(factory)
        for options in ({}, {"name": "named"}, {"context": context}, {"name": None, "context": None}):
            await loop.create_task(child(), **options)
            await asyncio.create_task(child(), **options)
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(child(), name="named")
        loop.set_task_factory(None)
        # A context of one run is not that of another.
        return [{name: value is context or value for name, value in options.items()} for options in given]

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        expected = runner.run(with_factory())
    assert run(with_factory) == expected


@pytest.mark.skipif(sys.version_info < (3, 14), reason="create_task() takes only name and context")
class TestKeywords:
    def test_all_keywords_reach_the_factory(self, run):
        def factory(loop, coro, **options):
            given.append(options)
            return asyncio.Task(coro, loop=loop)

        async def main():
            loop = asyncio.get_running_loop()
            loop.set_task_factory(factory)
            await loop.create_task(child(), colour="red", eager_start=False)
            await asyncio.create_task(child(), name="named", size=3)
            async with asyncio.TaskGroup() as group:
                group.create_task(child(), shape="round")
            loop.set_task_factory(None)

        given = []
        run(main)
        assert given == [{"colour": "red", "eager_start": False}, {"name": "named", "size": 3}, {"shape": "round"}]

    @pytest.mark.parametrize("eager", [True, False, None])
    def test_a_task_starts_at_once_if_asked_to(self, run, eager):
        async def first_step():
            events.append("step")
            await asyncio.sleep(0)
            return asyncio.current_task()

        async def main():
            loop = asyncio.get_running_loop()
            async with asyncio.TaskGroup() as group:
                for create in (loop.create_task, asyncio.create_task, group.create_task):
                    events.clear()
                    task = create(first_step(), eager_start=eager)
                    assert events == (["step"] if eager else [])
                    assert task in asyncio.all_tasks()
                    assert await task is task

        events = []
        run(main)
