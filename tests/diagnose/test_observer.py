"""What loops tell while they are observed, and that it disturbs nothing."""

import asyncio
import sys

import pytest
from ferraio.diagnose import holders, observer

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


def test_a_listener_that_raises_disturbs_nobody(diagnosing, run, monkeypatch):
    diagnosing()
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: unraisable.append(problem.exc_type))

    def broken(*_):
        raise ZeroDivisionError

    async def fail():
        raise ValueError

    async def main():
        with pytest.raises(ValueError):
            await asyncio.create_task(fail())

    observer.task_failed.add(broken)
    observer.looks.append(broken)
    try:
        run(main)
    finally:
        observer.task_failed.remove(broken)
        observer.looks.remove(broken)
    assert set(unraisable) == {ZeroDivisionError}


def test_a_loop_that_runs_already_is_observed_at_once(diagnosing, run):
    async def main():
        loop = asyncio.get_running_loop()
        before = loop._observed
        diagnosing()
        return before, loop._observed

    assert run(main) == (False, True)


def test_callbacks_keep_their_order(diagnosing, run):
    diagnosing()
    order = []

    async def note(name):
        order.append(name)
        await asyncio.sleep(0)
        order.append(name)

    async def main():
        loop = asyncio.get_running_loop()
        lock = asyncio.Lock()
        loop.call_soon(order.append, "callback")
        first = asyncio.create_task(note("first"))
        second = asyncio.create_task(note("second"))
        async with lock:
            await asyncio.sleep(0)
        await asyncio.gather(first, second)

    run(main)
    assert order == ["callback", "first", "second", "first", "second"]


@pytest.mark.loop_kinds("installed")
@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore"])
def test_who_holds_a_lock_is_known(diagnosing, run, kind):
    diagnosing()

    async def main():
        lock = getattr(asyncio, kind)()
        async with lock:
            (holder,) = holders.of(lock)
            assert holder.task is asyncio.current_task()
            assert holder.place.function.endswith("main")
            other = asyncio.create_task(lock.acquire(), name="other")
            await asyncio.sleep(0)
            assert len(holders.of(lock)) == 1
        await other
        assert [holder.name for holder in holders.of(lock)] == ["other"]
        lock.release()
        return holders.of(lock)

    assert run(main) == []


@pytest.mark.loop_kinds("installed")
def test_a_lock_made_before_is_nobodys(diagnosing, run):
    async def main():
        lock = asyncio.Lock()
        diagnosing()
        async with lock:
            return holders.of(lock)

    assert run(main) == []


@pytest.mark.loop_kinds("installed")
def test_locks_behave_as_ever(diagnosing, run):
    diagnosing()

    async def main():
        lock = asyncio.Lock()
        with pytest.raises(RuntimeError, match="Lock is not acquired"):
            lock.release()
        semaphore = asyncio.BoundedSemaphore(1)
        with pytest.raises(ValueError, match="released too many times"):
            semaphore.release()
        async with lock:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(lock.acquire(), 0.01)
        assert not lock.locked()

    run(main)
