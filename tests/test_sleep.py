"""sleep(): its result, its time, cancelling it, and stepping it by hand as a coroutine."""

import asyncio
import contextvars
import gc
import inspect
import sys
import warnings

import pytest
from turns import run_turns


@pytest.fixture
def loop_with_clock(new_loop):
    """A loop whose clock stands still until somebody sets it, and the list that holds its time."""
    loop, clock = new_loop(), [50.0]
    loop.time = lambda: clock[0]
    return loop, clock


@pytest.mark.parametrize("delay", [0, 0.0, -1, -0.5, 1e-9, 0.001, False, True / 1000])
def test_it_returns_its_result(run, delay):
    async def main():
        assert await asyncio.sleep(delay) is None
        assert await asyncio.sleep(delay, "result") == "result"
        assert await asyncio.sleep(delay=delay, result=(1, 2)) == (1, 2)

    run(main)


@pytest.mark.parametrize("delay", [0, -1, -0.0])
def test_no_time_means_one_turn(run, delay):
    async def main():
        loop, ran = asyncio.get_running_loop(), []
        loop.call_soon(ran.append, "before")
        await asyncio.sleep(delay)
        assert ran == ["before"]

    run(main)


def test_it_ends_when_its_time_has_come_and_not_before(loop_with_clock):
    loop, clock = loop_with_clock
    task = loop.create_task(asyncio.sleep(10, "result"))
    clock[0] += 1  # the time counts from the first step
    run_turns(loop, 2)
    clock[0] += 9.999
    run_turns(loop, 3)
    assert not task.done()
    clock[0] += 0.001
    run_turns(loop, 2)
    assert task.result() == "result"


def test_sleepers_wake_in_the_order_of_their_times(loop_with_clock):
    loop, clock = loop_with_clock
    woken = []

    async def sleep(delay):
        await asyncio.sleep(delay)
        woken.append(delay)

    tasks = [loop.create_task(sleep(delay)) for delay in (3, 1, 2, 5, 4)]
    run_turns(loop, 2)
    clock[0] += 10
    run_turns(loop, 3)
    assert woken == [1, 2, 3, 4, 5]
    assert all(task.done() for task in tasks)


def test_it_is_never_early(run):
    async def main():
        loop = asyncio.get_running_loop()
        for delay in (0.0001, 0.0005, 0.001, 0.003):
            started = loop.time()
            await asyncio.sleep(delay)
            assert loop.time() - started >= delay - loop._clock_resolution

    run(main)


@pytest.mark.parametrize("delay", [0, 1, 3600, 1e300, float("inf")])
def test_it_can_be_cancelled(run, delay):
    async def main():
        task = asyncio.create_task(asyncio.sleep(delay))
        if delay:
            await asyncio.sleep(0)
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main)


def test_cancelled_sleepers_leave_no_timers(new_loop):
    loop = new_loop()
    tasks = [loop.create_task(asyncio.sleep(3600)) for _ in range(1000)]
    run_turns(loop, 2)
    assert len(loop._scheduled) == 1000
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.wait(tasks))
    run_turns(loop, 2)
    assert len(loop._scheduled) < 500


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 a delay of NaN is no error")
def test_not_a_number_is_refused(run):
    async def main():
        with pytest.raises(ValueError, match=r"^Invalid delay: NaN \(not a number\)$"):
            await asyncio.sleep(float("nan"))

    run(main)


@pytest.mark.parametrize("delay", ["text", None, (), object()])
def test_what_is_no_time_is_refused(run, delay):
    async def main():
        with pytest.raises(TypeError):
            await asyncio.sleep(delay)

    run(main)


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_wrong_arguments_are_refused(run, arguments):
    async def main():
        with pytest.raises(TypeError):
            asyncio.sleep(*arguments)
        with pytest.raises(TypeError):
            asyncio.sleep(0, unknown=1)

    run(main)


def test_numbers_of_other_classes(run):
    import fractions

    class Delay(float):
        pass

    async def main():
        assert await asyncio.sleep(Delay(0.0001), 1) == 1
        assert await asyncio.sleep(fractions.Fraction(1, 10_000), 2) == 2
        assert await asyncio.sleep(fractions.Fraction(0), 3) == 3

    run(main)


def test_it_is_a_coroutine(loop_kind):
    sleep = asyncio.sleep(0, "result")
    assert asyncio.iscoroutine(sleep)
    assert inspect.isawaitable(sleep)
    assert sleep.__name__ == sleep.__qualname__ == "sleep"
    assert repr(sleep).startswith("<coroutine object sleep at 0x")
    assert sleep.send(None) is None
    with pytest.raises(StopIteration) as stop:
        sleep.send(None)
    assert stop.value.value == "result"
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        sleep.send(None)


def test_it_can_be_thrown_at_and_closed(loop_kind):
    sleep = asyncio.sleep(0)
    sleep.send(None)
    with pytest.raises(LookupError, match="thrown"):
        sleep.throw(LookupError("thrown"))
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        sleep.send(None)
    sleep = asyncio.sleep(0)
    sleep.send(None)
    assert sleep.close() is None
    assert sleep.close() is None
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        sleep.send(None)


def test_it_cannot_be_awaited_twice(run):
    async def main():
        sleep = asyncio.sleep(0)
        await sleep
        with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
            await sleep

    run(main)


def test_it_needs_a_running_loop(loop_kind):
    sleep = asyncio.sleep(1)
    with pytest.raises(RuntimeError, match=r"^no running event loop$"):
        sleep.send(None)


def test_nobody_awaits_it(loop_kind):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.sleep(0)
        gc.collect()
    # where the coroutine was made may follow, in debug mode
    assert [str(warning.message).splitlines()[0] for warning in caught] == ["coroutine 'sleep' was never awaited"]


def test_as_a_task_and_inside_everything(run):
    async def main():
        assert await asyncio.create_task(asyncio.sleep(0.001, 1)) == 1
        assert await asyncio.ensure_future(asyncio.sleep(0, 2)) == 2
        assert await asyncio.wait_for(asyncio.sleep(0, 3), 10) == 3
        assert await asyncio.gather(asyncio.sleep(0, 4), asyncio.sleep(0.001, 5)) == [4, 5]
        assert await asyncio.shield(asyncio.sleep(0, 6)) == 6
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(3600), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(3600)

    run(main)


def test_on_a_loop_whose_call_later_is_overridden(new_loop):
    loop, called = new_loop(), []
    original = loop.call_later

    def call_later(delay, *arguments, **keywords):
        called.append(delay)
        return original(delay, *arguments, **keywords)

    loop.call_later = call_later
    assert loop.run_until_complete(asyncio.sleep(0.001, "result")) == "result"
    assert called == [0.001]
    del loop.call_later
    assert loop.run_until_complete(asyncio.sleep(0.001, "result")) == "result"
    assert called == [0.001]


def test_on_a_loop_whose_call_at_is_overridden(new_loop):
    loop, called = new_loop(), []
    original = loop.call_at

    def call_at(when, *arguments, **keywords):
        called.append(when)
        return original(when, *arguments, **keywords)

    loop.call_at = call_at
    context = contextvars.copy_context()
    loop.call_later(0, called.append, "argument", context=context)
    assert loop.run_until_complete(asyncio.sleep(0.001, "result")) == "result"
    assert len(called) == 3
    assert called.count("argument") == 1


def test_ten_thousand_sleepers(run):
    async def main():
        results = await asyncio.gather(
            *[asyncio.sleep(0.001 + number % 10 / 10_000, number) for number in range(10_000)]
        )
        assert results == list(range(10_000))

    run(main, debug=False)  # else it notes where each was made, for most of the time


def test_a_sleeper_that_dies_with_its_loop_says_only_that(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context["message"]))

    async def body():
        await asyncio.sleep(3600)

    tasks = [
        loop.create_task(body()),
        loop.create_task(asyncio.sleep(3600)),
        loop.create_task(asyncio.wait_for(body(), 7)),
    ]
    run_turns(loop, 3)
    loop.close()
    del tasks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
    assert len(reports) >= 3
    assert set(reports) == {"Task was destroyed but it is pending!"}


def test_a_sleep_that_is_given_up_wakes_nobody(new_loop):
    loop = new_loop()

    async def body():
        await asyncio.sleep(0.001)

    for end in ("close", "throw"):
        coro, called = body(), []

        async def main(coro=coro, called=called, end=end):
            future = coro.send(None)
            assert future._asyncio_future_blocking is True
            future._asyncio_future_blocking = False
            future.add_done_callback(called.append)
            if end == "close":
                coro.close()
            else:
                with pytest.raises(LookupError):
                    coro.throw(LookupError())
            await asyncio.sleep(0.005)

        loop.run_until_complete(main())
        assert called == []
