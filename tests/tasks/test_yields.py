"""What a task may be made of, and what its coroutine may yield."""

import asyncio
import types

import pytest
from turns import turn


async def nothing():
    pass


async def wait_for(future):
    return await future


class Yields:
    def __init__(self, thing):
        self.thing = thing

    def __await__(self):
        return (yield self.thing)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: 7, r"^Task got bad yield: 7$"),
        (lambda: "text", r"^Task got bad yield: 'text'$"),
        (lambda: asyncio.get_running_loop().create_future(), r"^yield was used instead of yield from in task <Task "),
        (
            lambda: (_ for _ in ()),
            r"^yield was used instead of yield from for generator in task <Task .* with <generator object ",
        ),
    ],
)
def test_a_bad_yield_is_the_tasks_error(run, make, message):
    async def body(thing):
        await Yields(thing)

    async def main():
        thing = make()
        task = asyncio.create_task(body(thing))
        with pytest.raises(RuntimeError, match=message):
            await task
        if asyncio.isfuture(thing):
            thing.cancel()

    run(main)


def test_after_a_bad_yield_the_coroutine_may_go_on(run):
    async def body():
        try:
            await Yields(7)
        except RuntimeError:
            await turn()
            return "went on"

    async def main():
        assert await asyncio.create_task(body()) == "went on"

    run(main)


def test_yielding_none_means_the_next_turn(run):
    async def main():
        await Yields(None)
        assert await asyncio.create_task(wait_for(Yields(None))) is None

    run(main)


def test_a_future_of_another_loop_cannot_be_awaited(new_loop):
    loop, other = new_loop(), new_loop()
    for future in (other.create_future(), other.create_task(asyncio.sleep(0))):
        task = loop.create_task(wait_for(future))
        with pytest.raises(RuntimeError, match=r"^Task <Task .*> got Future <.*> attached to a different loop$"):
            loop.run_until_complete(task)
    other.run_until_complete(future)


def test_generators_in_the_clothes_of_coroutines(run):
    @types.coroutine
    def generator():
        yield
        return (yield from asyncio.sleep(0, "result").__await__())

    async def main():
        async def body():
            return await generator()

        assert await asyncio.create_task(body()) == "result"
        assert await generator() == "result"

    run(main)


@pytest.mark.parametrize("wrong", [None, 7, "text", nothing, asyncio.Future, lambda: nothing()])
def test_a_task_needs_a_coroutine(run, wrong):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match=r"^a coroutine was expected, got "):
            asyncio.Task(wrong, loop=loop)
        with pytest.raises(TypeError, match=r"^a coroutine was expected, got "):
            loop.create_task(wrong)
        with pytest.raises(TypeError):
            asyncio.ensure_future(wrong)

    run(main)
