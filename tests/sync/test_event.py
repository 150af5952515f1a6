"""Event: waiting for a flag."""

import asyncio

import pytest


async def settle():
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_set_event_is_not_waited_for(run):
    async def main():
        event = asyncio.Event()
        before = event.is_set()
        assert event.set() is None
        assert await event.wait() is True
        after = event.is_set()
        assert event.clear() is None
        return before, after, event.is_set()

    assert run(main) == (False, True, False)


def test_setting_wakes_all_in_the_order_of_waiting(run):
    async def main():
        event, order = asyncio.Event(), []

        async def wait(name):
            order.append((name, await event.wait()))

        tasks = [asyncio.create_task(wait(name)) for name in "abc"]
        await settle()
        waiting = len(event._waiters)
        event.set()
        event.clear()
        await asyncio.wait(tasks)
        return waiting, order, len(event._waiters)

    assert run(main) == (3, [("a", True), ("b", True), ("c", True)], 0)


def test_one_who_is_cancelled_leaves_the_others_waiting(run):
    async def main():
        event = asyncio.Event()
        first, second = (asyncio.create_task(event.wait()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        left = len(event._waiters)
        event.set()
        return first.cancelled(), left, await second

    assert run(main) == (True, 1, True)


def test_one_who_is_cancelled_after_being_woken_is_cancelled(run):
    async def main():
        event = asyncio.Event()
        task = asyncio.create_task(event.wait())
        await settle()
        event.set()
        task.cancel()
        await settle()
        return task.cancelled(), len(event._waiters)

    assert run(main) == (True, 0)


def test_an_event_belongs_to_the_loop_where_somebody_waited(new_loop):
    async def wait(event):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event.wait(), 0.001)

    async def wait_again(event):
        with pytest.raises(RuntimeError, match=r"is bound to a different event loop$"):
            await event.wait()

    event = asyncio.Event()
    new_loop().run_until_complete(wait(event))
    new_loop().run_until_complete(wait_again(event))


def test_a_subclass_can_do_more(run):
    class Loud(asyncio.Event):
        times = 0

        def set(self):
            self.times += 1
            super().set()

        async def wait(self):
            return await super().wait(), self.times

    async def main():
        event = Loud()
        task = asyncio.create_task(event.wait())
        await settle()
        event.set()
        return await task

    assert run(main) == (True, 1)


def test_the_repr_tells_the_state(run):
    async def main():
        event = asyncio.Event()
        task = asyncio.create_task(event.wait())
        await settle()
        waiting = repr(event)
        event.set()
        await task
        return waiting.endswith("[unset, waiters:1]>"), repr(event).endswith("[set]>")

    assert run(main) == (True, True)
