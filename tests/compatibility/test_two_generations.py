"""Classes that were imported before `install()` and those after it work in one loop."""

import asyncio
from asyncio import Event as EarlyEvent
from asyncio import Future as EarlyFuture
from asyncio import Lock as EarlyLock
from asyncio import Queue as EarlyQueue
from asyncio import Task as EarlyTask

import pytest
from turns import turn


def test_old_and_new_classes_work_in_one_loop(run):
    async def main():
        loop = asyncio.get_running_loop()
        queue, event, lock, future = EarlyQueue(1), EarlyEvent(), EarlyLock(), EarlyFuture(loop=loop)
        new_event, new_queue, new_future = asyncio.Event(), asyncio.Queue(1), asyncio.Future()

        async def produce():
            async with lock:
                for item in range(5):
                    await queue.put(item)
                    await new_queue.put(-item)
            event.set()
            await new_event.wait()
            future.set_result("of the early future")
            new_future.set_exception(LookupError("of the new future"))

        producers = [EarlyTask(produce(), loop=loop)]
        consumed = [(await queue.get(), await new_queue.get()) for _ in range(5)]
        await event.wait()
        async with lock:
            new_event.set()
        results = await asyncio.gather(future, *producers, asyncio.shield(future))
        with pytest.raises(LookupError, match="of the new future"):
            await asyncio.wait_for(new_future, 10)
        assert consumed == [(item, -item) for item in range(5)]
        assert results == ["of the early future", None, "of the early future"]

    run(main)


def test_an_early_task_awaits_a_new_one_and_is_awaited(run):
    async def main():
        loop = asyncio.get_running_loop()

        async def chain(depth):
            if depth == 0:
                await asyncio.sleep(0)
                return ["bottom"]
            task_class = EarlyTask if depth % 2 else asyncio.Task
            return [*await task_class(chain(depth - 1), loop=loop), depth]

        assert await chain(6) == ["bottom", 1, 2, 3, 4, 5, 6]

    run(main)


def test_cancelling_goes_through_both_generations(run):
    async def main():
        loop = asyncio.get_running_loop()
        seen = []

        async def chain(depth):
            try:
                if depth == 0:
                    await EarlyFuture(loop=loop)
                task_class = EarlyTask if depth % 2 else asyncio.Task
                await task_class(chain(depth - 1), loop=loop)
            except asyncio.CancelledError as error:
                seen.append((depth, error.args))
                raise

        task = asyncio.create_task(chain(4))
        await turn(8)
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError, match="message"):
            await task
        assert seen == [(depth, ("message",)) for depth in range(5)]

    run(main)


def test_both_generations_are_among_all_tasks(run):
    async def main():
        loop = asyncio.get_running_loop()
        tasks = {EarlyTask(asyncio.sleep(0.001), loop=loop), asyncio.Task(asyncio.sleep(0.001), loop=loop)}
        assert asyncio.all_tasks() == {*tasks, asyncio.current_task()}
        assert asyncio.all_tasks(loop) == {*tasks, asyncio.current_task()}
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)
