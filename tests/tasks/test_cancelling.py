"""Cancelling a task: before its first step, while it waits, by itself, more than once, and along a chain."""

import asyncio
import gc
import sys

import pytest
from turns import run_turns, turn


async def wait_for(future):
    return await future


def test_cancelling_before_the_first_step(run):
    async def main():
        began = []

        async def body():
            began.append(1)

        task = asyncio.create_task(body())
        assert task.cancel() is True
        assert task._must_cancel is True
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert began == []

    run(main)


def test_cancelling_while_it_waits(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_for(future))
        await turn()
        assert task.cancel("message") is True
        assert future.cancelled()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("message",)
        assert task.cancel() is False

    run(main)


def test_cancelling_itself(run):
    async def main():
        async def body():
            asyncio.current_task().cancel("by itself")
            await turn()

        task = asyncio.create_task(body())
        with pytest.raises(asyncio.CancelledError, match="by itself"):
            await task

    run(main)


def test_cancelling_itself_and_ending_is_being_cancelled(run):
    async def main():
        async def body():
            asyncio.current_task().cancel()
            return "result"

        task = asyncio.create_task(body())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main)


def test_a_future_that_was_done_already_does_not_save_a_task(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_for(future))
        await turn()
        future.set_result("result")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert future.result() == "result"

    run(main)


@pytest.mark.parametrize("times", [1, 5])
def test_a_task_may_swallow_its_cancellation(run, times):
    async def main():
        async def stubborn():
            for _ in range(times):
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue
            return "ended by itself", asyncio.current_task().cancelling()

        task = asyncio.create_task(stubborn())
        for _ in range(times):
            await turn(2)
            assert not task.done()
            assert task.cancel() is True
        assert await task == ("ended by itself", times)
        assert not task.cancelled()

    run(main)


def test_an_error_while_being_cancelled_is_the_tasks(run):
    async def main():
        async def body():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise LookupError("instead") from None

        task = asyncio.create_task(body())
        await turn()
        task.cancel()
        with pytest.raises(LookupError, match="instead"):
            await task
        assert not task.cancelled()

    run(main)


def test_requests_to_cancel_are_counted(run):
    async def main():
        task = asyncio.create_task(asyncio.sleep(3600))
        assert task.cancelling() == 0
        assert task.uncancel() == 0
        for number in range(1, 4):
            task.cancel()
            assert task.cancelling() == number
        assert task.uncancel() == 2
        assert task.cancelling() == 2
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 uncancel() only counts")
def test_taking_the_request_back_saves_a_task_that_was_not_told_yet(run):
    async def main():
        async def body():
            await turn()
            return "saved"

        task = asyncio.create_task(body())
        task.cancel()
        task.uncancel()
        assert await task == "saved"

    run(main)


def test_a_chain_of_tasks_is_cancelled_to_its_end(run):
    async def main():
        end = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(wait_for(end))]
        for _ in range(100):
            tasks.append(asyncio.create_task(wait_for(tasks[-1])))
        await turn(2)
        tasks[-1].cancel("all the way down")
        with pytest.raises(asyncio.CancelledError, match="all the way down"):
            await tasks[-1]
        assert end.cancelled()
        assert all(task.cancelled() and task.cancelling() == 1 for task in tasks)

    run(main)


def test_tasks_that_wait_for_each_other_cannot_be_cancelled(loop):
    tasks = {}

    async def wait(name):
        await tasks[name]

    tasks["first"] = loop.create_task(wait("second"))
    tasks["second"] = loop.create_task(wait("first"))
    run_turns(loop, 2)
    with pytest.raises(RecursionError, match=r"^(maximum recursion depth exceeded|Stack overflow)"):
        tasks["first"].cancel()
    assert not tasks["first"].done()
    for task in tasks.values():
        task._log_destroy_pending = False


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_very_long_line_of_tasks_is_no_crash(loop):
    loop.set_debug(False)  # else each task notes where it was made, which takes most of the time
    task = loop.create_future()
    for _ in range(50_000):
        task = loop.create_task(wait_for(task))
        task._log_destroy_pending = False
    run_turns(loop, 2)
    with pytest.raises(RecursionError):
        task.cancel()
    loop.close()
    del task
    gc.collect()


def test_a_cancellation_is_chained_to_where_it_came_from(run):
    async def main():
        async def inner():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as error:
                raise LookupError("while ending") from error

        task = asyncio.create_task(inner())
        await turn()
        task.cancel("message")
        with pytest.raises(LookupError) as caught:
            await task
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert caught.value.__cause__.args == ("message",)

    run(main)


def test_awaiting_itself_is_an_error(run):
    async def main():
        async def body():
            await asyncio.current_task()

        with pytest.raises(RuntimeError, match=r"^Task cannot await on itself: <Task pending "):
            await asyncio.create_task(body())

    run(main)
