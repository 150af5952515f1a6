"""gather(): results in order, errors, cancellation both ways, duplicates, and whatever can be awaited."""

import asyncio
import sys

import pytest
from turns import fail, turn, value


class Awaitable:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "awaited"


def test_results_are_in_the_order_of_the_arguments(run):
    async def main():
        assert await asyncio.gather(*[value(number, 5 - number) for number in range(5)]) == [0, 1, 2, 3, 4]

    run(main)


def test_all_that_can_be_awaited(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        task = asyncio.create_task(value("task", 2))
        inner = asyncio.gather(value("inner"), asyncio.sleep(0, "slept"))
        assert await asyncio.gather(future, task, inner, Awaitable(), value("coroutine")) == [
            "future",
            "task",
            ["inner", "slept"],
            "awaited",
            "coroutine",
        ]

    run(main)


def test_nothing_to_gather(run):
    async def main():
        gathering = asyncio.gather()
        assert await gathering == []
        assert await asyncio.gather(return_exceptions=True) == []

    run(main)


def test_what_is_done_already(run):
    async def main():
        task = asyncio.create_task(value("done"))
        await task
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(LookupError("failed"))
        assert await asyncio.gather(task, task) == ["done", "done"]
        with pytest.raises(LookupError, match="failed"):
            await asyncio.gather(task, failed)
        results = await asyncio.gather(task, failed, return_exceptions=True)
        assert results == ["done", failed.exception()]

    run(main)


def test_the_same_twice_runs_once(run):
    async def main():
        ran = []

        async def body():
            ran.append(1)
            return object()

        coro = body()
        task = asyncio.create_task(body())
        results = await asyncio.gather(coro, task, coro, task)
        assert results[0] is results[2]
        assert results[1] is results[3]
        assert len(ran) == 2

    run(main)


def test_the_first_error_ends_it_and_the_others_go_on(run):
    async def main():
        ended = []

        async def other():
            await turn(5)
            ended.append("other")

        with pytest.raises(LookupError, match="first"):
            await asyncio.gather(other(), fail(LookupError("first"), 1), fail(ValueError("second"), 2))
        assert ended == []
        await turn(5)
        assert ended == ["other"]

    run(main)


def test_errors_as_results(run):
    async def main():
        error = LookupError("failed")
        results = await asyncio.gather(value(1), fail(error), fail(asyncio.CancelledError("x")), return_exceptions=True)
        assert results[:2] == [1, error]
        assert type(results[2]) is asyncio.CancelledError

    run(main)


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_cancelling_it_cancels_the_children(run, return_exceptions):
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(3)]
        gathering = asyncio.gather(*tasks, return_exceptions=return_exceptions)
        await turn()
        assert gathering.cancel("message") is True
        with pytest.raises(asyncio.CancelledError):
            await gathering
        await turn(2)
        assert all(task.cancelled() for task in tasks)
        assert gathering.cancel() is False

    run(main)


def test_cancelling_who_awaits_it(run):
    async def main():
        seen = []

        async def child():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as error:
                seen.append(error.args)
                raise

        async def body():
            await asyncio.gather(child(), child())

        task = asyncio.create_task(body())
        await turn(2)
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError, match="message"):
            await task
        assert seen == [("message",)] * 2

    run(main)


def test_a_child_that_swallows_the_cancellation(run):
    async def main():
        async def stubborn():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return "stubborn"

        gathering = asyncio.gather(stubborn(), stubborn())
        await turn()
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering

    run(main)


def test_a_cancelled_child_cancels_who_waits_but_not_the_others(run):
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(2)]
        gathering = asyncio.gather(*tasks)
        await turn()
        tasks[0].cancel("the child")
        with pytest.raises(asyncio.CancelledError, match="the child"):
            await gathering
        assert not gathering.cancelled()
        assert not tasks[1].done()
        tasks[1].cancel()
        await asyncio.wait(tasks)

    run(main)


def test_errors_after_the_first_are_not_reported(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def main():
        with pytest.raises(LookupError):
            await asyncio.gather(fail(LookupError("first")), fail(ValueError("second"), 2))
        await turn(4)

    loop.run_until_complete(main())
    assert reports == []


def test_children_that_nobody_waits_for_die_silently(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context["message"]))

    async def main():
        asyncio.gather(fail(LookupError("lost"))), asyncio.gather(asyncio.sleep(3600))
        await turn(3)

    loop.run_until_complete(main())
    loop.close()
    assert "Task was destroyed but it is pending!" not in reports
    assert "_GatheringFuture exception was never retrieved" in reports


def test_futures_of_different_loops_are_refused(new_loop):
    loop, other = new_loop(), new_loop()
    future = other.create_future()

    async def main():
        with pytest.raises(ValueError, match=r"different loop|different event loop"):
            await asyncio.gather(loop.create_future(), future)

    loop.run_until_complete(main())


@pytest.mark.parametrize("wrong", [7, None, "text", object()])
def test_what_cannot_be_awaited_is_refused(run, wrong):
    async def main():
        with pytest.raises(TypeError, match=r"^An asyncio.Future, a coroutine or an awaitable is required$"):
            asyncio.gather(wrong)
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            asyncio.gather(unknown=1)

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="get_event_loop() makes none since Python 3.14")
def test_it_needs_a_running_loop(loop_kind):
    coro = value(1)
    with pytest.raises(RuntimeError):
        asyncio.gather(coro)
    coro.close()


def test_many_children(run):
    async def main():
        assert await asyncio.gather(*[value(number) for number in range(10_000)]) == list(range(10_000))

    run(main)


def test_gathers_of_gathers(run):
    async def main():
        async def tree(depth):
            if depth == 0:
                return 1
            return sum(await asyncio.gather(*[tree(depth - 1) for _ in range(3)]))

        assert await tree(6) == 3**6

    run(main)


def test_the_same_futures_in_two_gathers(run):
    async def main():
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        first, second = asyncio.gather(*futures), asyncio.gather(*reversed(futures))
        for number, future in enumerate(futures):
            future.set_result(number)
        assert (await first, await second) == ([0, 1, 2], [2, 1, 0])

    run(main)


def test_debug_mode(run):
    async def main():
        assert await asyncio.gather(value(1), value(2, 3)) == [1, 2]
        with pytest.raises(LookupError):
            await asyncio.gather(value(1), fail(LookupError()))

    run(main, debug=True)
