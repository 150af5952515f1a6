"""Time limits: `asyncio.timeout`, `timeout_at` and what one can do with the `Timeout` in between."""

import asyncio
import gc
import weakref

import pytest


def test_a_block_that_ends_in_time_is_left_alone(run):
    async def main():
        async with asyncio.timeout(3600) as limit:
            shown = repr(limit).startswith("<Timeout [active] when=")
            inside = shown, limit.expired(), limit.when() is not None
            await asyncio.sleep(0)
        return inside, repr(limit), limit.expired()

    assert run(main) == ((True, False, True), "<Timeout [finished]>", False)


@pytest.mark.parametrize("delay", [0.001, 0, -1, 0.0])
def test_a_block_that_takes_too_long_ends_with_timeout_error(run, delay):
    async def main():
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(delay) as limit:
                await asyncio.sleep(3600)
        return type(raised.value.__cause__), repr(limit), limit.expired(), asyncio.current_task().cancelling()

    assert run(main) == (asyncio.CancelledError, "<Timeout [expired]>", True, 0)


def test_none_is_no_limit(run):
    async def main():
        async with asyncio.timeout(None) as limit:
            await asyncio.sleep(0)
        return limit.when(), limit.expired()

    assert run(main) == (None, False)


@pytest.mark.parametrize("kind", [int, float])
def test_timeout_at_takes_a_time_of_the_loop_as_it_is(run, kind):
    async def main():
        when = kind(asyncio.get_running_loop().time() + 3600)
        async with asyncio.timeout_at(when) as limit:
            return limit.when() is when, limit._timeout_handler.when() is when

    assert run(main)[0]


def test_a_limit_in_the_past_ends_the_block_at_its_first_wait(run):
    async def main():
        reached = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                reached.append("inside")
                await asyncio.sleep(0)
                reached.append("behind the wait")
        return reached

    assert run(main) == ["inside"]


def test_a_limit_can_be_moved(run):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600) as limit:
                limit.reschedule(loop.time() + 7200)
                later = limit.when() > loop.time() + 3600
                limit.reschedule(None)
                never = limit.when()
                limit.reschedule(when=loop.time() - 1)
                await asyncio.sleep(3600)
        return later, never

    assert run(main) == (True, None)


def test_a_limit_cannot_be_moved_before_or_after_its_block(run):
    async def main():
        limit = asyncio.timeout(3600)
        with pytest.raises(RuntimeError, match=r"^Timeout has not been entered$"):
            limit.reschedule(1)
        async with limit:
            pass
        with pytest.raises(RuntimeError, match=r"^Cannot change state of finished Timeout$"):
            limit.reschedule(1)

    run(main)


def test_a_limit_cannot_be_used_twice(run):
    async def main():
        limit = asyncio.timeout(3600)
        async with limit:
            pass
        with pytest.raises(RuntimeError, match=r"^Timeout has already been entered$"):
            async with limit:
                pass

    run(main)


def test_a_limit_needs_a_task(run):
    async def main():
        failed = asyncio.get_running_loop().create_future()

        def enter():
            try:
                asyncio.timeout(1).__aenter__().send(None)
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(enter)
        return await failed

    assert run(main) == "Timeout should be used inside a task"


def test_wrong_arguments_are_refused(run):
    async def main():
        for arguments in [(), (1, 2)]:
            with pytest.raises(TypeError):
                asyncio.timeout(*arguments)
        with pytest.raises(TypeError):
            asyncio.timeout("soon")

    run(main)


def test_an_exception_of_the_block_passes(run):
    async def main():
        with pytest.raises(LookupError):
            async with asyncio.timeout(3600):
                raise LookupError

    run(main)


def test_a_cancellation_from_outside_stays_one(run):
    async def main():
        async def limited():
            async with asyncio.timeout(3600):
                await asyncio.sleep(3600)

        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        task.cancel("from outside")
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value.args

    assert run(main) == ("from outside",)


def test_a_cancellation_that_comes_with_the_limit_wins(run):
    async def main():
        async def limited():
            async with asyncio.timeout(3600) as limit:
                limits.append(limit)
                await asyncio.sleep(3600)

        limits = []
        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        limits[0]._on_timeout()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), limits[0].expired()

    assert run(main) == (True, True)


def test_the_inner_of_two_limits_is_reached(run):
    async def main():
        async with asyncio.timeout(3600) as outer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001) as inner:
                    await asyncio.sleep(3600)
        return outer.expired(), inner.expired()

    assert run(main) == (False, True)


def test_leaving_cancels_the_timer(run):
    async def main():
        async with asyncio.timeout(3600) as limit:
            timer = limit._timeout_handler
            before = timer.cancelled(), timer.when() == limit.when()
            assert "_on_timeout" in repr(timer)
        return before, timer.cancelled(), limit._timeout_handler

    assert run(main) == ((False, True), True, None)


def test_attributes_are_those_of_asyncio(run):
    async def main():
        limit = asyncio.timeout(3600)
        states = [limit._state.name]
        assert not hasattr(limit, "_cancelling")
        async with limit:
            states.append(limit._state.name)
            assert limit._task is asyncio.current_task()
            assert limit._cancelling == 0
            assert limit._when == limit.when()
        states.append(limit._state.name)
        return states

    assert run(main) == ["CREATED", "ENTERED", "EXITED"]


def test_a_limit_over_a_loop_with_a_clock_of_its_own(loop_factory, loop_kind):
    if loop_kind == "asyncio":
        base = asyncio.SelectorEventLoop
    else:
        import ferraio

        base = ferraio.EventLoop

    class SlowLoop(base):
        def time(self):
            return super().time() / 1000

    async def main():
        async with asyncio.timeout(1) as limit:
            return limit.when() <= asyncio.get_running_loop().time() + 1

    with asyncio.Runner(loop_factory=SlowLoop) as runner:
        assert runner.run(main())


def test_what_a_test_patches_into_a_limit_is_called(run):
    async def main():
        limit = asyncio.timeout(3600)
        moved = []
        limit.reschedule = moved.append
        async with limit:
            pass
        return moved == [limit.when()]

    assert run(main)


def test_debug_mode_behaves_the_same(run):
    async def main():
        async with asyncio.timeout(3600):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(3600)

    run(main, debug=True)


def test_a_limit_that_is_left_is_forgotten(run):
    async def main():
        async with asyncio.timeout(3600) as limit:
            pass
        alive = weakref.ref(limit)
        del limit
        gc.collect()
        return alive()

    assert run(main) is None


def test_wait_for_uses_the_same_limits(run):
    async def main():
        assert await asyncio.wait_for(asyncio.sleep(0, "result"), 3600) == "result"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(3600), 0.001)
        return asyncio.current_task().cancelling()

    assert run(main) == 0


@pytest.mark.loop_kinds("ferraio", "asyncio")
def test_our_limits_work_on_any_loop_without_install(run):
    import ferraio

    async def main():
        async with ferraio.timeout(3600) as limit:
            await asyncio.sleep(0)
        assert isinstance(limit, asyncio.Timeout)
        with pytest.raises(TimeoutError):
            async with ferraio.timeout_at(0):
                await asyncio.sleep(3600)

    run(main)
