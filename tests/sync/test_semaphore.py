"""Semaphore and BoundedSemaphore: a number of places, and a line before them."""

import asyncio
import sys

import pytest

kinds = pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])


async def settle():
    """Let everything run that can."""
    for _ in range(8):
        await asyncio.sleep(0)


@kinds
def test_places_are_taken_and_given_back(run, kind):
    async def main():
        semaphore = getattr(asyncio, kind)(2)
        assert await semaphore.acquire() is True
        async with semaphore as entered:
            assert entered is None
            inside = semaphore.locked(), semaphore._value
        semaphore.release()
        return inside, semaphore.locked(), semaphore._value, semaphore._waiters

    assert run(main) == ((True, 0), False, 2, None)


def test_a_negative_number_of_places_is_refused(run):
    async def main():
        with pytest.raises(ValueError, match=r"^Semaphore initial value must be >= 0$"):
            asyncio.Semaphore(-1)

    run(main)


def test_a_bounded_semaphore_notices_one_release_too_many(run):
    async def main():
        semaphore = asyncio.BoundedSemaphore(1)
        with pytest.raises(ValueError, match=r"^BoundedSemaphore released too many times$"):
            semaphore.release()
        async with semaphore:
            pass
        unbounded = asyncio.Semaphore(1)
        unbounded.release()
        return semaphore._value, semaphore._bound_value, unbounded._value, hasattr(unbounded, "_bound_value")

    assert run(main) == (1, 1, 2, False)


@kinds
def test_at_most_so_many_are_inside_and_in_the_order_of_asking(run, kind):
    async def main():
        semaphore, order, inside, most = getattr(asyncio, kind)(3), [], 0, 0

        async def visit(name):
            nonlocal inside, most
            async with semaphore:
                order.append(name)
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*[visit(name) for name in range(20)])
        return order, most, semaphore._value

    assert run(main) == (list(range(20)), 3, 3)


@kinds
def test_one_who_is_cancelled_while_waiting_leaves_the_line(run, kind):
    async def main():
        semaphore = getattr(asyncio, kind)(1)
        await semaphore.acquire()
        first, second = (asyncio.create_task(semaphore.acquire()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        semaphore.release()
        assert await second is True
        return first.cancelled(), semaphore._value, len(semaphore._waiters)

    assert run(main) == (True, 0, 0)


@kinds
def test_one_who_is_cancelled_after_being_woken_passes_the_place_on(run, kind):
    async def main():
        semaphore = getattr(asyncio, kind)(1)
        await semaphore.acquire()
        first, second = (asyncio.create_task(semaphore.acquire()) for _ in range(2))
        await settle()
        semaphore.release()
        first.cancel()
        await settle()
        return first.cancelled(), second.done(), semaphore._value

    assert run(main) == (True, True, 0)


@kinds
def test_several_releases_at_once_wake_as_many(run, kind):
    async def main():
        semaphore = getattr(asyncio, kind)(3)
        for _ in range(3):
            await semaphore.acquire()
        waiting = [asyncio.create_task(semaphore.acquire()) for _ in range(4)]
        await settle()
        for _ in range(3):
            semaphore.release()
        await settle()
        done = [task.done() for task in waiting]
        waiting[3].cancel()
        return done, semaphore._value

    assert run(main) == ([True, True, True, False], 0)


def test_one_who_comes_while_another_is_woken_waits_for_the_next_place(run):
    async def main():
        semaphore, order = asyncio.Semaphore(1), []

        async def visit(name):
            async with semaphore:
                order.append(name)

        await semaphore.acquire()
        first = asyncio.create_task(visit("first"))
        await settle()
        semaphore.release()
        await visit("second")
        await first
        return order, semaphore._value

    assert run(main) == (["first", "second"], 1)


def test_a_number_of_places_that_is_no_int_works_too(run):
    async def main():
        semaphore = asyncio.Semaphore(float("inf"))
        async with semaphore:
            await semaphore.acquire()
            inside = semaphore.locked(), semaphore._value
        huge = asyncio.Semaphore(2**70)
        await huge.acquire()
        return inside, semaphore._value, huge._value

    assert run(main) == ((False, float("inf")), float("inf"), 2**70 - 1)


def test_a_semaphore_belongs_to_the_loop_where_somebody_waited(new_loop):
    async def wait(semaphore):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(semaphore.acquire(), 0.001)

    async def wait_again(semaphore):
        with pytest.raises(RuntimeError, match=r"is bound to a different event loop$"):
            await semaphore.acquire()

    semaphore = asyncio.Semaphore(0)
    new_loop().run_until_complete(wait(semaphore))
    new_loop().run_until_complete(wait_again(semaphore))


@kinds
def test_an_overridden_release_is_used_by_the_block(run, kind):
    async def main():
        calls = []

        class Counting(getattr(asyncio, kind)):
            def release(self):
                calls.append(self._value)
                super().release()

        semaphore = Counting(2)
        async with semaphore:
            pass
        return calls, semaphore._value

    assert run(main) == ([1], 2)


def test_classes_are_related_as_in_asyncio(run):
    async def main():
        assert issubclass(asyncio.BoundedSemaphore, asyncio.Semaphore)
        return repr(asyncio.BoundedSemaphore(2)).endswith("[unlocked, value:2]>")

    assert run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="earlier versions wake only one")
def test_places_that_came_free_during_a_wait_are_given_out(run):
    async def main():
        semaphore = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(semaphore.acquire()) for _ in range(3)]
        await settle()
        semaphore._value = 2
        semaphore.release()
        await settle()
        return [task.done() for task in tasks], semaphore._value

    assert run(main) == ([True, True, True], 0)
