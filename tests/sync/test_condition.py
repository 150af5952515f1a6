"""Condition and Barrier stand on Lock: what they need of it."""

import asyncio

import pytest


def test_a_notified_task_goes_on_with_the_lock(run):
    async def main():
        condition, seen = asyncio.Condition(), []

        async def wait():
            async with condition:
                assert await condition.wait() is True
                seen.append(condition.locked())

        tasks = [asyncio.create_task(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        async with condition:
            condition.notify(1)
        await asyncio.sleep(0.001)
        first = len(seen)
        async with condition:
            condition.notify_all()
        await asyncio.wait(tasks)
        return first, seen

    assert run(main) == (1, [True, True, True])


def test_a_condition_shares_the_lock_it_is_given(run):
    async def main():
        lock = asyncio.Lock()
        condition = asyncio.Condition(lock)
        async with condition:
            inside = lock.locked()
        with pytest.raises(RuntimeError, match="un-acquired lock"):
            condition.notify()
        return inside, lock.locked()

    assert run(main) == (True, False)


def test_a_barrier_lets_all_go_at_once(run):
    async def main():
        barrier = asyncio.Barrier(3)
        return sorted(await asyncio.gather(*[barrier.wait() for _ in range(3)]))

    assert run(main) == [0, 1, 2]
