"""TaskGroup: children, errors, cancellation from inside and outside, and what is refused."""

import asyncio
import contextvars
import sys

import pytest
from turns import fail, turn, value


async def sleep_until_cancelled(seen, name):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        seen.append(name)
        raise


def test_it_waits_for_its_children(run):
    async def main():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(value(number, number)) for number in range(5)]
            assert not any(task.done() for task in tasks)
        assert [task.result() for task in tasks] == [0, 1, 2, 3, 4]

    run(main)


def test_children_may_start_children(run):
    async def main():
        results = []

        async def child(group, depth):
            await turn()
            results.append(depth)
            if depth:
                group.create_task(child(group, depth - 1))
                group.create_task(child(group, depth - 1))

        async with asyncio.TaskGroup() as group:
            group.create_task(child(group, 5))
        assert len(results) == 2**6 - 1

    run(main)


def test_an_error_cancels_the_others(run):
    async def main():
        seen = []
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(sleep_until_cancelled(seen, "child"))
                group.create_task(fail(LookupError("failed"), 2))
                await sleep_until_cancelled(seen, "body")
        assert [str(error) for error in caught.value.exceptions] == ["failed"]
        assert str(caught.value) == "unhandled errors in a TaskGroup (1 sub-exception)"
        assert sorted(seen) == ["body", "child"]
        assert asyncio.current_task().cancelling() == 0

    run(main)


def test_all_errors_are_collected(run):
    async def main():
        async def fail_when_cancelled():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise ValueError("while being cancelled") from None

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail_when_cancelled())
                await turn()
                raise LookupError("of the body")
        assert {type(error) for error in caught.value.exceptions} == {LookupError, ValueError}

    run(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_stops_everything_is_raised_as_it_is(run, error):
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            await turn()
            raise error("of the body")

    with pytest.raises(error, match="of the body"):
        run(main)


def test_cancelling_from_outside(run):
    async def main():
        seen = []

        async def body():
            async with asyncio.TaskGroup() as group:
                group.create_task(sleep_until_cancelled(seen, "first"))
                group.create_task(sleep_until_cancelled(seen, "second"))

        task = asyncio.create_task(body())
        await turn(2)
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(seen) == ["first", "second"]

    run(main)


def test_a_cancelled_child_does_no_harm(run):
    async def main():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(3600))
            await turn()
            task.cancel()
        assert task.cancelled()

    run(main)


def test_groups_inside_groups(run):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as outer:
                outer.create_task(asyncio.sleep(3600))
                async with asyncio.TaskGroup() as inner:
                    inner.create_task(fail(LookupError("inner")))
                    await asyncio.sleep(3600)
        (inner_group,) = caught.value.exceptions
        assert isinstance(inner_group, ExceptionGroup)
        assert str(inner_group.exceptions[0]) == "inner"

    run(main)


def test_options_of_a_child(run):
    variable = contextvars.ContextVar("variable", default="default")

    async def main():
        context = contextvars.copy_context()
        context.run(variable.set, "of the context")

        async def look():
            return variable.get()

        async with asyncio.TaskGroup() as group:
            named = group.create_task(look(), name="named")
            given = group.create_task(look(), context=context)
        assert named.get_name() == "named"
        assert (named.result(), given.result()) == ("default", "of the context")

    run(main)


def test_a_group_that_is_not_entered_or_is_over_is_refused(run):
    async def main():
        group = asyncio.TaskGroup()
        coro = value(1)
        with pytest.raises(RuntimeError, match=r"^TaskGroup <TaskGroup> has not been entered$"):
            group.create_task(coro)
        coro.close()
        async with group:
            pass
        coro = value(1)
        with pytest.raises(RuntimeError, match=r"^TaskGroup <TaskGroup entered> is finished$"):
            group.create_task(coro)
        coro.close()
        with pytest.raises(RuntimeError, match=r"has (been )?already (been )?entered"):
            async with group:
                pass

    run(main)


def test_a_group_that_shuts_down_takes_no_more(run):
    async def main():
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(LookupError()))
                try:
                    await asyncio.sleep(3600)
                finally:
                    coro = value(1)
                    with pytest.raises(RuntimeError, match=r"^TaskGroup <TaskGroup .*> is shutting down$"):
                        group.create_task(coro)
                    coro.close()

    run(main)


@pytest.mark.parametrize("wrong", [7, None, value, object()])
def test_what_is_no_coroutine_is_refused(run, wrong):
    async def main():
        async with asyncio.TaskGroup() as group:
            with pytest.raises(TypeError, match=r"^a coroutine was expected, got "):
                group.create_task(wrong)
            with pytest.raises(TypeError):
                group.create_task()
            coro = value(1)
            with pytest.raises(TypeError):
                group.create_task(coro, unknown=1)
            coro.close()

    run(main)


def test_a_subclass_sees_each_child(run):
    class Counting(asyncio.TaskGroup):
        def create_task(self, coro, **keywords):
            made.append(coro)
            return super().create_task(coro, **keywords)

        def _on_task_done(self, task):
            done.append(task)
            return super()._on_task_done(task)

    made, done = [], []

    async def main():
        async with Counting() as group:
            tasks = [group.create_task(value(number)) for number in range(3)]
        assert len(made) == 3
        assert done == tasks

    run(main)


def test_its_repr(run):
    async def main():
        group = asyncio.TaskGroup()
        assert repr(group) == "<TaskGroup>"
        async with group:
            assert repr(group) == "<TaskGroup entered>"
            group.create_task(turn())
            assert repr(group) == "<TaskGroup tasks=1 entered>"
        assert repr(group) == "<TaskGroup entered>"

    run(main)


def test_many_children(run):
    async def main():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(value(number, number % 3)) for number in range(10_000)]
        assert [task.result() for task in tasks] == list(range(10_000))
        assert not group._tasks

    run(main, debug=False)  # else it notes where each was made, for most of the time


@pytest.mark.skipif(sys.version_info < (3, 15), reason="up to 3.14 a TaskGroup has no cancel()")
def test_a_group_can_be_cancelled(run):
    async def main():
        seen = []
        async with asyncio.TaskGroup() as group:
            group.create_task(sleep_until_cancelled(seen, "child"))
            await turn()
            group.cancel()
        assert seen == ["child"]

    run(main)
