"""Running, stopping and closing a loop, in one thread or several; a loop that is dropped."""

import asyncio
import functools
import gc
import os
import threading
import time
import weakref

import pytest


def nothing(*_):
    pass


def test_run_until_complete_returns_the_result(new_loop):
    async def coroutine():
        return "result"

    loop = new_loop()
    assert loop.run_until_complete(coroutine()) == "result"
    assert loop.run_until_complete(loop.create_task(coroutine())) == "result"
    future = loop.create_future()
    loop.call_soon(future.set_result, "of a future")
    assert loop.run_until_complete(future) == "of a future"
    assert loop.run_until_complete(future) == "of a future"


def test_run_until_complete_raises_what_the_coroutine_raises(new_loop):
    async def coroutine():
        raise LookupError("raised")

    loop = new_loop()
    with pytest.raises(LookupError, match="raised"):
        loop.run_until_complete(coroutine())
    assert not loop.is_running()


def test_stopping_before_the_end_is_an_error(new_loop):
    async def coroutine():
        loop.stop()
        await asyncio.sleep(3600)

    loop = new_loop()
    task = loop.create_task(coroutine())
    with pytest.raises(RuntimeError, match=r"^Event loop stopped before Future completed\.$"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_a_future_of_another_loop_is_refused(new_loop):
    loop, other = new_loop(), new_loop()
    with pytest.raises(ValueError, match=r"^The future belongs to a different loop"):
        loop.run_until_complete(other.create_future())


def test_a_running_loop_is_known(new_loop):
    loop = new_loop()

    async def look():
        assert asyncio.get_running_loop() is loop
        assert asyncio._get_running_loop() is loop
        assert asyncio.get_event_loop() is loop
        assert loop.is_running()
        assert loop._thread_id == threading.get_ident()

    assert loop._thread_id is None
    loop.run_until_complete(look())
    assert asyncio._get_running_loop() is None
    assert not loop.is_running()


# Python 3.13.0 forgets that a loop runs when it refuses to run it: nothing is asked of the loop after that.


@pytest.mark.parametrize("run", ["run_forever", "run_until_complete"])
def test_a_running_loop_cannot_run_again(new_loop, run):
    loop = new_loop()

    async def main():
        arguments = [] if run == "run_forever" else [loop.create_future()]
        with pytest.raises(RuntimeError, match=r"^This event loop is already running$"):
            getattr(loop, run)(*arguments)

    loop.run_until_complete(main())


@pytest.mark.parametrize("run", ["run_forever", "run_until_complete"])
def test_a_loop_cannot_run_inside_another(new_loop, run):
    loop, other = new_loop(), new_loop()

    async def main():
        arguments = [] if run == "run_forever" else [other.create_future()]
        with pytest.raises(RuntimeError, match=r"^Cannot run the event loop while another loop is running$"):
            getattr(other, run)(*arguments)

    loop.run_until_complete(main())


def test_a_running_loop_cannot_be_closed(new_loop):
    loop = new_loop()

    async def main():
        with pytest.raises(RuntimeError, match=r"^Cannot close a running event loop$"):
            loop.close()
        return asyncio.get_running_loop()

    assert loop.run_until_complete(main()) is loop


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_loop_goes_on_after_it_refused_to_run_again(new_loop):
    loop, other = new_loop(), new_loop()

    async def main():
        for refused in (loop, other):
            with pytest.raises(RuntimeError, match="running"):
                refused.run_forever()
        await asyncio.sleep(0.001)
        assert loop.is_running() and not other.is_running()
        return asyncio.get_running_loop()

    assert loop.run_until_complete(main()) is loop


def test_a_loop_cannot_run_in_two_threads(new_loop):
    loop, errors = new_loop(), []
    loop.set_debug(False)  # asyncio 3.13 would leave the tracking of where coroutines are made on

    def run():
        try:
            loop.run_forever()
        except RuntimeError as error:
            errors.append(str(error))

    async def main():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    loop.run_until_complete(main())
    assert errors == ["This event loop is already running"]


def test_a_loop_may_run_in_one_thread_after_the_other(new_loop):
    loop, results = new_loop(), []

    async def coroutine():
        return threading.get_ident()

    for _ in range(3):
        thread = threading.Thread(target=lambda: results.append(loop.run_until_complete(coroutine())))
        thread.start()
        thread.join()
    results.append(loop.run_until_complete(coroutine()))
    assert results[-1] == threading.get_ident()


def test_each_thread_may_have_its_loop(loop_factory):
    results = []

    async def main(number):
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        results.append(number)

    def run(number):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main(number))

    threads = [threading.Thread(target=run, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))


def test_closing_is_final(new_loop):
    loop = new_loop()
    assert not loop.is_closed()
    loop.close()
    assert loop.is_closed()
    loop.close()
    assert "closed=True" in repr(loop)


def test_closing_drops_what_was_scheduled(new_loop):
    loop = new_loop()

    class Callback:
        def __call__(self):
            raise AssertionError("not to be called")

    callbacks = [Callback() for _ in range(3)]
    loop.call_soon(callbacks[0])
    loop.call_later(1, callbacks[1])
    loop.call_soon_threadsafe(callbacks[2])
    references = [weakref.ref(callback) for callback in callbacks]
    del callbacks
    loop.close()
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_closing_puts_the_fds_back(loop_factory):
    loop_factory().close()
    before = os.listdir("/dev/fd")
    loop = loop_factory()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert len(os.listdir("/dev/fd")) == len(before)


def test_a_loop_that_nobody_closed_warns(loop_factory):
    loop = loop_factory()
    before = len(os.listdir("/dev/fd"))
    with pytest.warns(ResourceWarning, match=r"^unclosed event loop <"):
        del loop
        gc.collect()
    assert len(os.listdir("/dev/fd")) < before


def test_a_loop_in_a_cycle_dies(loop_factory):
    loop = loop_factory()

    future = loop.create_future()
    future.loop_holder = loop
    loop.own_attribute = [loop, future]
    loop.call_soon(nothing, loop)
    loop.call_later(3600, nothing, loop)
    future.add_done_callback(functools.partial(nothing, loop))
    reference = weakref.ref(loop)
    loop.close()
    del loop, future
    gc.collect()
    assert reference() is None


@pytest.mark.loop_kinds("asyncio", "ferraio", "installed")
def test_a_loop_in_a_cycle_dies_without_being_closed(loop_factory):
    loop = loop_factory()
    loop.own_attribute = loop
    loop.call_soon(nothing, loop)
    handle = loop.call_later(3600, nothing, loop)
    loop.call_soon_threadsafe(nothing, loop)
    reference = weakref.ref(loop)
    with pytest.warns(ResourceWarning, match=r"^unclosed event loop"):
        del loop, handle
        gc.collect()
    gc.collect()  # the warning referred to the loop, which kept it from the first collection
    assert reference() is None


def test_time_is_monotonic(new_loop):
    loop = new_loop()
    assert time.monotonic() <= loop.time() <= time.monotonic()
