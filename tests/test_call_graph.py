"""asyncio.capture_call_graph() and print_call_graph(), from Python 3.14 on: who awaits whom."""

import asyncio
import io
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="there are no call graphs")


def awaiting(future):
    """The names of the tasks that wait for a future, each followed by those that wait for it."""
    tree = {}
    for caller in asyncio.capture_call_graph(future).awaited_by:
        assert isinstance(caller.future, asyncio.Task)
        tree[caller.future.get_name()] = awaiting(caller.future)
    return tree


def functions(future):
    """The functions in the call stack of a task, the innermost first; those of asyncio left out."""
    stack = asyncio.capture_call_graph(future).call_stack
    return [entry.frame.f_code.co_name for entry in stack if entry.frame.f_code.co_filename == __file__]


async def outer(future):
    await inner(future)


async def inner(future):
    await future


async def gathers(*tasks):
    await asyncio.gather(*tasks)


async def gathers_gathers(*tasks):
    await asyncio.gather(asyncio.gather(*tasks))


async def waits(*tasks):
    await asyncio.wait(tasks)


async def shields(task):
    await asyncio.shield(task)


async def completes(task):
    for next_one in asyncio.as_completed([task]):
        await next_one


async def groups(future, tasks):
    async with asyncio.TaskGroup() as group:
        tasks.append(group.create_task(outer(future), name="child"))


async def awaits(task):
    await task


async def settled():
    for _ in range(4):
        await asyncio.sleep(0)


def test_a_future_is_awaited_by_a_task_with_a_stack(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(outer(future), name="task")
        await settled()
        assert awaiting(future) == {"task": {}}
        assert functions(task) == ["inner", "outer"]
        future.set_result(None)
        await task
        assert awaiting(future) == {}

    run(main)


@pytest.mark.parametrize("way", [gathers, gathers_gathers, waits, shields, completes, awaits])
def test_a_task_is_awaited_by_the_one_that_waits_for_it(run, way):
    async def main():
        future = asyncio.get_running_loop().create_future()
        child = asyncio.create_task(outer(future), name="child")
        parent = asyncio.create_task(way(child), name="parent")
        grandparent = asyncio.create_task(awaits(parent), name="grandparent")
        await settled()
        assert awaiting(child) == {"parent": {"grandparent": {}}}
        assert awaiting(future) == {"child": {"parent": {"grandparent": {}}}}
        future.set_result(None)
        await grandparent
        assert awaiting(child) == {}
        assert awaiting(parent) == {}

    run(main)


def test_a_child_of_a_task_group_is_awaited_by_the_group_s_task(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        tasks = []
        parent = asyncio.create_task(groups(future, tasks), name="parent")
        await settled()
        assert awaiting(tasks[0]) == {"parent": {}}
        assert functions(parent) == ["groups"]
        future.set_result(None)
        await parent
        assert awaiting(tasks[0]) == {}

    run(main)


def test_what_a_program_notes_is_shown_too(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(outer(future), name="task")
        await settled()
        asyncio.future_add_to_awaited_by(future, asyncio.current_task())
        assert set(awaiting(future)) == {"task", asyncio.current_task().get_name()}
        asyncio.future_discard_from_awaited_by(future, asyncio.current_task())
        assert set(awaiting(future)) == {"task"}
        future.cancel()
        await asyncio.wait([task])

    run(main)


@pytest.mark.parametrize(
    "way", [asyncio.Event.wait, asyncio.Lock.acquire, asyncio.Queue.get], ids=lambda way: way.__name__
)
def test_a_task_that_waits_in_a_primitive_has_a_stack(run, way):
    async def waits_in(primitive):
        await getattr(primitive, way.__name__)()

    async def main():
        primitive = getattr(asyncio, way.__qualname__.partition(".")[0])()
        if isinstance(primitive, asyncio.Lock):
            await primitive.acquire()
        task = asyncio.create_task(waits_in(primitive))
        sleeper = asyncio.create_task(asyncio.sleep(3600))
        await settled()
        assert functions(task) == ["waits_in"]
        assert functions(sleeper) == []
        task.cancel()
        sleeper.cancel()
        await asyncio.wait([task, sleeper])

    run(main)


def test_the_call_graph_of_the_running_task_is_printed(run):
    async def main():
        printed = io.StringIO()
        asyncio.print_call_graph(file=printed)
        assert "in async test_the_call_graph_of_the_running_task_is_printed.<locals>.main()" in printed.getvalue()

    run(main)
