"""What programs expect of tasks beyond the documentation: private attributes, subclasses, foreign task classes."""

import asyncio
import asyncio.base_events
import contextvars
import gc
import sys
import weakref
from asyncio import Future as EarlyFuture
from asyncio import Task as EarlyTask

import pytest
from turns import turn


async def nothing():
    pass


def test_tasks_and_futures_are_those_of_names_imported_early(run):
    async def main():
        task = asyncio.create_task(nothing())
        future = asyncio.get_running_loop().create_future()
        gathering = asyncio.gather(task)
        for task_class in (EarlyTask, asyncio.Task):
            assert isinstance(task, task_class)
            assert issubclass(type(task), task_class)
            assert not isinstance(future, task_class)
        for future_class in (EarlyFuture, asyncio.Future):
            for instance in (task, future, gathering):
                assert isinstance(instance, future_class)
                assert issubclass(type(instance), future_class)
        for instance in (task, future, gathering):
            assert asyncio.isfuture(instance)
        await gathering

    run(main)


def test_the_private_attributes_of_a_task(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        async def wait():
            await future

        coro = wait()
        task = asyncio.create_task(coro)
        assert (task._fut_waiter, task._must_cancel, task._state) == (None, False, "PENDING")
        assert (task._loop, task._coro, task.get_coro()) == (loop, coro, coro)
        await turn()
        assert task._fut_waiter is future
        assert isinstance(task._fut_waiter, asyncio.Future)
        task._log_destroy_pending = False
        assert task._log_destroy_pending is False
        future.set_result(None)
        await task
        assert (task._fut_waiter, task._state) == (None, "FINISHED")
        if sys.version_info >= (3, 12):
            assert isinstance(task.get_context(), contextvars.Context)

    run(main)


@pytest.mark.parametrize("subclass", [False, True])
def test_the_callbacks_are_pairs_of_callable_and_context(run, subclass):
    async def main():
        loop = asyncio.get_running_loop()
        task_class = type("Subclass", (asyncio.Task,), {}) if subclass else asyncio.Task
        for future in (asyncio.Future(), task_class(nothing(), loop=loop)):
            assert not future._callbacks
            context = contextvars.copy_context()
            future.add_done_callback(print, context=context)
            future.add_done_callback(repr)
            (first, first_context), (second, second_context) = future._callbacks
            assert (first, second) == (print, repr)
            assert first_context is context
            assert isinstance(second_context, contextvars.Context)
            for callback in (print, repr):
                assert future.remove_done_callback(callback) == 1
            future.cancel()
        await turn()

    run(main)


def test_a_waiting_task_is_among_the_callbacks(run):
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def wait():
            await future

        task = asyncio.create_task(wait())
        await turn()
        ((callback, context),) = future._callbacks
        assert callback.__self__ is task
        assert isinstance(context, contextvars.Context)
        future.set_result(None)
        await task

    run(main)


def test_the_root_task_is_known_by_its_callback(run):
    async def main():
        task = asyncio.current_task()
        assert any(callback is asyncio.base_events._run_until_complete_cb for callback, _ in task._callbacks)

    run(main)


def test_the_source_traceback_can_be_shortened(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(nothing())
        for thing in (future, task):
            assert thing._source_traceback[-1].name in ("main", "create_task", "create_future")
            length = len(thing._source_traceback)
            del thing._source_traceback[-1]
            assert len(thing._source_traceback) == length - 1
        await task

    run(main, debug=True)


def test_attributes_and_weak_references(run):
    async def main():
        kept = weakref.WeakKeyDictionary()
        for thing in (asyncio.create_task(nothing()), asyncio.Future(), asyncio.gather(nothing())):
            thing.own_attribute = 7
            assert thing.own_attribute == 7
            kept[thing] = "value"
            assert weakref.ref(thing)() is thing
            del thing.own_attribute
            assert not hasattr(thing, "own_attribute")
            assert kept[thing] == "value"
            await turn(3)
            del thing
        gc.collect()
        assert len(kept) == 0

    run(main)


def test_a_task_factory_passes_its_keywords_on(run):
    async def main():
        loop = asyncio.get_running_loop()
        made = []

        def factory(loop, coro, **keywords):
            made.append(keywords)
            return asyncio.Task(coro, loop=loop, **keywords)

        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        task = asyncio.create_task(nothing(), name="named")
        assert task.get_name() == "named"
        context = contextvars.copy_context()
        task = loop.create_task(nothing(), context=context)
        await task
        await asyncio.gather(nothing(), nothing())
        async with asyncio.TaskGroup() as group:
            group.create_task(nothing())
        await asyncio.wait_for(asyncio.ensure_future(nothing()), 1)
        assert len(made) == 6
        loop.set_task_factory(None)
        assert loop.get_task_factory() is None

    run(main)


def test_a_foreign_task_class_keeps_the_books(run):
    """A scheduler that steps a coroutine by itself tells asyncio so."""

    class ForeignTask:
        def __init__(self, loop):
            self.loop = loop

        def get_loop(self):
            return self.loop

        def get_name(self):
            return "foreign"

        def done(self):
            return False

    async def main():
        loop = asyncio.get_running_loop()
        own = asyncio.current_task()
        foreign = ForeignTask(loop)
        asyncio.tasks._register_task(foreign)
        assert asyncio.all_tasks() == {own, foreign}
        seen = []

        def step():
            asyncio.tasks._enter_task(loop, foreign)
            seen.append(asyncio.current_task())
            asyncio.tasks._leave_task(loop, foreign)
            seen.append(asyncio.current_task())

        loop.call_soon(step)
        await turn(2)
        assert seen == [foreign, None]
        assert asyncio.current_task() is own
        asyncio.tasks._unregister_task(foreign)
        assert asyncio.all_tasks() == {own}

    run(main)


def test_entering_a_task_inside_another_is_refused(run):
    leaving = r"^Leaving task .* does not match the current task "
    if sys.version_info >= (3, 14):
        leaving = r"^Invalid attempt to leave task .* while task .* is entered\.$"

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match=r"^Cannot enter into task "):
            asyncio.tasks._enter_task(loop, object())
        with pytest.raises(RuntimeError, match=leaving):
            asyncio.tasks._leave_task(loop, object())
        assert asyncio.current_task() is not None

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio of 3.11 has no _swap_current_task()")
def test_the_current_task_can_be_swapped(run):
    async def main():
        loop = asyncio.get_running_loop()
        own = asyncio.current_task()
        other = asyncio.create_task(nothing())
        assert asyncio.tasks._swap_current_task(loop, other) is own
        assert asyncio.current_task() is other
        assert asyncio.tasks._swap_current_task(loop, None) is other
        assert asyncio.current_task() is None
        assert asyncio.tasks._swap_current_task(loop, own) is None
        await other

    run(main)


def test_tasks_can_be_subclassed(run):
    class Subclass(asyncio.Task):
        def __init__(self, coro, *, extra, **keywords):
            super().__init__(coro, **keywords)
            self.extra = extra
            self.cancelled_with = []

        def cancel(self, *arguments, **keywords):
            self.cancelled_with.append((arguments, keywords))
            return super().cancel(*arguments, **keywords)

    async def sleep():
        await asyncio.sleep(3600)

    async def main():
        loop = asyncio.get_running_loop()
        task = Subclass(sleep(), extra=7, loop=loop, name="subclassed")
        assert (task.extra, task.get_name()) == (7, "subclassed")
        assert task in asyncio.all_tasks()

        async def wait():
            await task

        waiting = asyncio.create_task(wait())
        await turn(2)
        waiting.cancel("through the other")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(task.cancelled_with) == 1
        assert task.cancelled()

        gathering = asyncio.gather(Subclass(nothing(), extra=1, loop=loop), Subclass(nothing(), extra=1, loop=loop))
        assert await gathering == [None, None]

    run(main)
