"""Lock: who gets it, in which order, and what happens when somebody gives up."""

import asyncio
import gc
import weakref

import pytest


async def settle():
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_free_lock_is_taken_at_once(run):
    async def main():
        lock = asyncio.Lock()
        assert await lock.acquire() is True
        locked = lock.locked()
        assert lock.release() is None
        async with lock as entered:
            assert entered is None
            assert lock.locked()
        return locked, lock.locked(), lock._waiters

    assert run(main) == (True, False, None)


def test_releasing_a_free_lock_is_an_error(run):
    async def main():
        with pytest.raises(RuntimeError, match=r"^Lock is not acquired\.$"):
            asyncio.Lock().release()

    run(main)


def test_the_lock_goes_round_in_the_order_of_asking(run):
    async def main():
        lock, order = asyncio.Lock(), []

        async def take(name):
            for turn in range(3):
                async with lock:
                    order.append((turn, name))
                    await asyncio.sleep(0)

        await asyncio.gather(*[take(name) for name in "abc"])
        return order

    assert run(main) == [(turn, name) for turn in range(3) for name in "abc"]


def test_nobody_overtakes_one_who_was_woken(run):
    async def main():
        lock, order = asyncio.Lock(), []

        async def take(name):
            async with lock:
                order.append(name)

        await lock.acquire()
        first = asyncio.create_task(take("first"))
        await settle()
        lock.release()
        await take("second")
        await first
        return order

    assert run(main) == ["first", "second"]


def test_one_who_is_cancelled_while_waiting_leaves_the_line(run):
    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        first, second = (asyncio.create_task(lock.acquire()) for _ in range(2))
        await settle()
        first.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await first
        left = len(lock._waiters)
        lock.release()
        assert await second is True
        return left, lock.locked(), len(lock._waiters)

    assert run(main) == (1, True, 0)


def test_one_who_is_cancelled_after_being_woken_passes_the_lock_on(run):
    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        first, second = (asyncio.create_task(lock.acquire()) for _ in range(2))
        await settle()
        lock.release()
        first.cancel()
        await settle()
        return first.cancelled(), second.done(), lock.locked()

    assert run(main) == (True, True, True)


def test_one_who_is_cancelled_before_the_first_step_changes_nothing(run):
    async def main():
        lock = asyncio.Lock()
        task = asyncio.create_task(lock.acquire())
        task.cancel()
        await settle()
        return task.cancelled(), lock.locked()

    assert run(main) == (True, False)


def test_a_lock_whose_waiters_are_all_cancelled_is_free(run):
    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        waiting = asyncio.create_task(lock.acquire())
        await settle()
        lock.release()
        lock._waiters[0].cancel()
        waiting.cancel()
        assert await lock.acquire() is True
        await settle()
        return waiting.cancelled(), lock.locked()

    assert run(main)[0]


def test_an_exception_in_the_block_releases_the_lock(run):
    async def main():
        lock = asyncio.Lock()
        with pytest.raises(LookupError):
            async with lock:
                raise LookupError
        return lock.locked()

    assert run(main) is False


def test_a_lock_belongs_to_the_loop_where_somebody_waited(run, new_loop):
    async def wait_for(lock):
        await lock.acquire()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lock.acquire(), 0.001)

    async def wait_again(lock):
        with pytest.raises(RuntimeError, match=r"Lock object at .* is bound to a different event loop$"):
            await lock.acquire()

    lock = asyncio.Lock()
    new_loop().run_until_complete(wait_for(lock))
    new_loop().run_until_complete(wait_again(lock))


def test_a_lock_that_nobody_waited_for_works_in_any_loop(new_loop):
    async def use(lock):
        async with lock:
            pass

    lock = asyncio.Lock()
    new_loop().run_until_complete(use(lock))
    new_loop().run_until_complete(use(lock))


def test_an_overridden_acquire_and_release_are_used_by_the_block(run):
    class Counting(asyncio.Lock):
        def __init__(self):
            super().__init__()
            self.calls = []

        async def acquire(self):
            self.calls.append("acquire")
            return await super().acquire()

        def release(self):
            self.calls.append("release")
            super().release()

    async def main():
        lock = Counting()
        async with lock:
            assert lock.locked()
        waiting = [asyncio.create_task(lock.acquire()) for _ in range(2)]
        await settle()
        lock.release()
        await asyncio.gather(*waiting)
        return lock.calls

    assert run(main) == ["acquire", "release", "acquire", "acquire", "release"]


def test_a_subclass_with_slots_keeps_its_fields(run):
    class Named(asyncio.Lock):
        __slots__ = ("name",)

    async def main():
        lock = Named()
        lock.name = "mine"
        async with lock:
            return lock.name, lock.locked()

    assert run(main) == ("mine", True)


def test_what_a_test_patches_into_a_lock_is_called(run, monkeypatch):
    async def main():
        lock, released = asyncio.Lock(), []
        monkeypatch.setattr(lock, "release", lambda: released.append("of the instance"))
        async with lock:
            pass
        lock = asyncio.Lock()
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.Lock, "release", lambda self: released.append("of the class"))
            async with lock:
                pass
        lock.release()
        return released, lock.locked()

    assert run(main) == (["of the instance", "of the class"], False)


def test_the_repr_tells_the_state(run):
    async def main():
        lock = asyncio.Lock()
        free = repr(lock)
        await lock.acquire()
        waiting = asyncio.create_task(lock.acquire())
        await settle()
        taken = repr(lock)
        waiting.cancel()
        return free.endswith("[unlocked]>"), taken.endswith("[locked, waiters:1]>")

    assert run(main) == (True, True)


def test_waiters_of_both_generations_share_one_line(run):
    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        original = next(vars(base)["acquire"] for base in reversed(type(lock).__mro__) if "acquire" in vars(base))
        waiting = [asyncio.create_task(acquire(lock)) for acquire in (original, asyncio.Lock.acquire, original)]
        done = []
        for _ in range(3):
            await settle()
            lock.release()
            await settle()
            done.append([task.done() for task in waiting])
        return done

    assert run(main) == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_cycle_through_a_lock_is_collected(run):
    async def main():
        lock = asyncio.Lock()
        lock.itself = lock
        alive = weakref.ref(lock)
        del lock
        gc.collect()
        return alive()

    assert run(main) is None


@pytest.mark.loop_kinds("ferraio", "asyncio")
def test_our_lock_works_on_any_loop_without_install(run):
    import ferraio

    async def main():
        lock, order = ferraio.Lock(), []

        async def take(name):
            async with lock:
                order.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(*[take(name) for name in "abc"])
        return order, isinstance(lock, asyncio.Lock)

    assert run(main) == (["a", "b", "c"], True)
