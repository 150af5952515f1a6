"""asyncio.wait(): what it waits for, what it returns, and that it leaves nothing behind."""

import asyncio
import gc
import inspect
import weakref

import pytest

RETURN_WHEN = (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION)


@pytest.fixture
def loop(new_loop):
    loop = new_loop()
    loop.reports = []
    loop.set_exception_handler(lambda loop, context: loop.reports.append(context["message"]))
    loop.set_debug(False)
    return loop


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)
    return count


async def fail_after(count):
    await turns(count)
    raise LookupError(count)


def callbacks_of(future):
    return future._callbacks or []


@pytest.mark.parametrize("return_when", RETURN_WHEN)
def test_who_is_done_when_it_returns(loop, return_when):
    async def main():
        tasks = {name: asyncio.create_task(turns(count)) for name, count in (("two", 2), ("five", 5), ("nine", 9))}
        tasks["fails"] = asyncio.create_task(fail_after(5))
        done, pending = await asyncio.wait(tasks.values(), return_when=return_when)
        assert type(done) is set and type(pending) is set
        assert done | pending == set(tasks.values()) and not done & pending
        assert not any(map(callbacks_of, pending))
        names = {name for name, task in tasks.items() if task in done}
        if pending:
            await asyncio.wait(pending)
        assert isinstance(tasks["fails"].exception(), LookupError)
        return names

    expected = {
        asyncio.ALL_COMPLETED: {"two", "five", "nine", "fails"},
        asyncio.FIRST_COMPLETED: {"two"},
        asyncio.FIRST_EXCEPTION: {"two", "five", "fails"},
    }
    assert loop.run_until_complete(main()) == expected[return_when]


@pytest.mark.parametrize(("steps", "expected"), [([], 2), ([0], 3), ([3, 1], 6)])
def test_in_which_turn_it_returns(loop, steps, expected):
    async def count_turns(counted):
        while True:
            counted.append(None)
            await asyncio.sleep(0)

    async def main():
        counted = []
        counting = asyncio.create_task(count_turns(counted))
        await turns(3)
        done = loop.create_future()
        done.set_result(None)
        before = len(counted)
        await asyncio.wait([done, *(asyncio.create_task(turns(count)) for count in steps)])
        counting.cancel()
        return len(counted) - before

    assert loop.run_until_complete(main()) == expected


@pytest.mark.parametrize("return_when", RETURN_WHEN)
def test_what_is_done_already_is_enough(loop, return_when):
    async def main():
        done = loop.create_future()
        done.set_exception(LookupError())
        pending = loop.create_future()
        futures = [done] if return_when == asyncio.ALL_COMPLETED else [pending, done]
        assert await asyncio.wait(futures, return_when=return_when) == ({done}, set(futures) - {done})
        assert isinstance(done.exception(), LookupError)

    loop.run_until_complete(main())


@pytest.mark.parametrize("timeout", [0, 0.001, -1])
def test_a_time_limit_cancels_nobody(loop, timeout):
    async def main():
        done, slow = loop.create_future(), loop.create_future()
        done.set_result(None)
        assert await asyncio.wait([done, slow], timeout=timeout) == ({done}, {slow})
        assert not slow.done() and not callbacks_of(slow)

    loop.run_until_complete(main())


def test_a_time_limit_that_is_not_reached_leaves_no_timer(loop):
    async def main():
        task = asyncio.create_task(turns(2))
        assert await asyncio.wait([task], timeout=1000) == ({task}, set())
        assert all(timer.cancelled() for timer in loop._scheduled)

    loop.run_until_complete(main())


def test_a_time_limit_that_is_no_number_leaves_nothing_behind(loop):
    async def main():
        future = loop.create_future()
        with pytest.raises(TypeError):
            await asyncio.wait([future], timeout="soon")
        assert not callbacks_of(future)

    loop.run_until_complete(main())


def test_a_wait_that_is_cancelled_leaves_the_others_alone(loop):
    async def main():
        future, task = loop.create_future(), asyncio.create_task(turns(50))
        waiting = asyncio.create_task(asyncio.wait([future, task], timeout=1000))
        await turns(3)
        assert len(callbacks_of(future)) == 1 and waiting._fut_waiter is not None
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not callbacks_of(future) and not callbacks_of(task)
        assert not future.done() and await task == 50

    loop.run_until_complete(main())


def test_others_who_wait_for_the_same_future_are_still_told(loop):
    async def main():
        future, slow, told = loop.create_future(), loop.create_future(), []
        slow.add_done_callback(told.append)
        waits = [asyncio.create_task(asyncio.wait([future, slow], return_when=when)) for when in RETURN_WHEN]
        await turns(2)
        slow.add_done_callback(told.append)
        future.set_result(None)
        assert await waits[1] == ({future}, {slow})
        slow.set_result(None)
        for other in (waits[0], waits[2]):
            assert await other == ({future, slow}, set())
        assert told == [slow, slow]

    loop.run_until_complete(main())


def test_each_of_several_is_counted_once(loop):
    async def main():
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        assert await asyncio.wait([future, future, future]) == ({future}, set())
        assert await asyncio.wait(iter([future])) == ({future}, set())

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("return_when", "alone", "seen"),
    [
        (asyncio.ALL_COMPLETED, True, False),
        (asyncio.FIRST_COMPLETED, True, False),
        (asyncio.FIRST_EXCEPTION, True, False),
        (asyncio.FIRST_EXCEPTION, False, True),
    ],
)
def test_an_exception_counts_as_seen_only_where_it_decides(loop, return_when, alone, seen):
    async def main():
        failing = asyncio.create_task(fail_after(1))
        others = [] if alone else [loop.create_future()]
        done, _ = await asyncio.wait([failing, *others], return_when=return_when)
        assert done == {failing}

    loop.run_until_complete(main())
    gc.collect()
    assert loop.reports == ([] if seen else ["Task exception was never retrieved"])


def test_futures_of_other_classes_are_waited_for_as_well(loop):
    class Own(asyncio.Future):
        asked = 0

        def exception(self):
            self.asked += 1
            return super().exception()

    async def main():
        own, failing = Own(), Own()
        thread = loop.run_in_executor(None, int, "7")
        plain = asyncio.futures._PyFuture()
        loop.call_soon(own.set_result, 1)
        loop.call_soon(plain.set_result, 2)
        done, pending = await asyncio.wait([own, thread, plain])
        assert (done, pending) == ({own, thread, plain}, set())
        loop.call_soon(failing.set_exception, LookupError())
        unfinished = asyncio.futures._PyFuture()
        done, pending = await asyncio.wait([failing, unfinished], return_when=asyncio.FIRST_EXCEPTION)
        assert (done, pending, failing.asked) == ({failing}, {unfinished}, 1)
        assert not unfinished._callbacks
        failing.exception()

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((set(),), {}, ValueError, "Set of Tasks/Futures is empty."),
        (({1},), {"return_when": "SOMETIME"}, ValueError, "Invalid return_when value: SOMETIME"),
        ((), {}, TypeError, r".*wait\(\) missing 1 required positional argument: 'fs'"),
        (({1}, 5), {}, TypeError, r".*wait\(\) takes 1 positional argument but 2 were given"),
    ],
)
def test_wrong_arguments(loop, arguments, options, error, text):
    async def main():
        with pytest.raises(error, match=f"^{text}$"):
            await asyncio.wait(*arguments, **options)

    loop.run_until_complete(main())


def test_futures_are_wanted_in_a_collection_and_no_coroutines(loop):
    async def main():
        future, coroutine = loop.create_future(), turns(1)
        with pytest.raises(TypeError, match=r"^expect a list of futures, not \w+$"):
            await asyncio.wait(future)
        with pytest.raises(TypeError, match=r"^expect a list of futures, not coroutine$"):
            await asyncio.wait(coroutine)
        with pytest.raises(TypeError, match=r"^Passing coroutines is forbidden, use tasks explicitly\.$"):
            await asyncio.wait([future, coroutine])
        assert not callbacks_of(future)
        coroutine.close()

    loop.run_until_complete(main())


def test_it_is_a_coroutine_function_with_the_same_parameters(loop_kind):
    assert inspect.iscoroutinefunction(asyncio.wait)
    assert str(inspect.signature(asyncio.wait)) == "(fs, *, timeout=None, return_when='ALL_COMPLETED')"


@pytest.mark.parametrize("debug", [False, True])
def test_whoever_waits_for_ever_is_collected(loop, debug):
    loop.set_debug(debug)

    class Mark:
        pass

    async def wait(futures, mark):
        await asyncio.wait(futures)

    async def main():
        mark, futures = Mark(), [loop.create_future() for _ in range(3)]
        task = asyncio.create_task(wait(futures, mark))
        await turns(2)
        return weakref.ref(mark), weakref.ref(task)

    references = loop.run_until_complete(main())
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert loop.reports == ["Task was destroyed but it is pending!"]
