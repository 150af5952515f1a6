"""How a task ends: its result or error arrives whole, and somebody is told of an error that nobody asks for."""

import asyncio
import gc
import traceback

import pytest
from turns import run_turns


async def nothing():
    pass


async def wait_for(future):
    return await future


@pytest.mark.parametrize("result", [None, 7, (), (1, 2), LookupError("as a result"), StopIteration(3), ...])
def test_results_arrive_whole(run, result):
    async def body():
        return result

    async def main():
        task = asyncio.create_task(body())
        assert await task is result
        assert task.result() is result
        assert (await asyncio.gather(body()))[0] is result

    run(main)


@pytest.mark.parametrize(
    "error", [LookupError("failed"), StopAsyncIteration(7), ExceptionGroup("two", [ValueError(1)])]
)
def test_errors_arrive_whole(run, error):
    async def body():
        raise error

    async def main():
        task = asyncio.create_task(body())
        with pytest.raises(type(error)) as caught:
            await task
        assert caught.value is error is task.exception()

    run(main)


def test_raising_stop_iteration_is_a_runtime_error(run):
    async def body():
        raise StopIteration(7)

    async def main():
        with pytest.raises(RuntimeError, match=r"^coroutine raised StopIteration$"):
            await asyncio.create_task(body())

    run(main)


def test_the_result_of_a_task_cannot_be_set(run):
    async def main():
        task = asyncio.create_task(nothing())
        with pytest.raises(RuntimeError, match=r"^Task does not support set_result operation$"):
            task.set_result(1)
        with pytest.raises(RuntimeError, match=r"^Task does not support set_exception operation$"):
            task.set_exception(LookupError())
        await task

    run(main)


def test_the_traceback_shows_where_it_failed(run):
    async def inner():
        raise LookupError

    async def outer():
        await inner()

    async def main():
        with pytest.raises(LookupError) as caught:
            await asyncio.create_task(outer())
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names == ["main", "outer", "inner"]

    run(main)


@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_nobody_asks_for_is_reported(loop, debug):
    loop.set_debug(debug)

    async def fail():
        raise LookupError("lost")

    task = loop.create_task(fail())
    run_turns(loop)
    del task
    gc.collect()
    (context,) = loop.reports
    where_it_was_made = {"source_traceback"} if debug else set()
    assert set(context) == {"message", "exception", "future"} | where_it_was_made
    assert context["message"] == "Task exception was never retrieved"
    assert str(context["exception"]) == "lost"


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("debug", [False, True])
def test_a_pending_task_that_is_destroyed_is_reported(loop, silent, debug):
    loop.set_debug(debug)
    task = loop.create_task(wait_for(loop.create_future()))
    run_turns(loop)
    task._log_destroy_pending = not silent
    del task
    gc.collect()
    assert [context["message"] for context in loop.reports] == (
        [] if silent else ["Task was destroyed but it is pending!"]
    )
    if not silent:
        where_it_was_made = {"source_traceback"} if debug else set()
        assert set(loop.reports[0]) == {"message", "task"} | where_it_was_made
