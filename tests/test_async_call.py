"""What `lock.acquire()`, `queue.get()` and their kin return behaves as a coroutine does."""

import asyncio
import gc
import inspect
import warnings
import weakref
from unittest import mock

import pytest


async def call_of(name):
    lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue()
    return {
        "Lock.acquire": lock.acquire,
        "_ContextManagerMixin.__aenter__": lock.__aenter__,
        "Event.wait": event.wait,
        "Semaphore.acquire": asyncio.Semaphore().acquire,
        "Queue.get": queue.get,
        "Queue.put": lambda: queue.put("item"),
        "Timeout.__aenter__": asyncio.timeout(10).__aenter__,
    }[name]


names = pytest.mark.parametrize(
    "name",
    [
        "Lock.acquire",
        "_ContextManagerMixin.__aenter__",
        "Event.wait",
        "Semaphore.acquire",
        "Queue.get",
        "Queue.put",
        "Timeout.__aenter__",
    ],
)


@names
def test_one_that_is_never_awaited_gets_the_warning_of_a_coroutine(run, name):
    async def main():
        call = await call_of(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
            gc.collect()
        return [(warning.category, str(warning.message).splitlines()[0]) for warning in caught]

    assert run(main) == [(RuntimeWarning, f"coroutine '{name}' was never awaited")]


@names
def test_one_that_is_closed_unawaited_says_nothing(run, name):
    async def main():
        call = await call_of(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call().close()
            gc.collect()
        return caught

    assert run(main) == []


@names
def test_it_counts_as_a_coroutine(run, name):
    async def main():
        call = (await call_of(name))()
        facts = asyncio.iscoroutine(call), call.__qualname__, call.__name__, call.cr_running, repr(call)[:18]
        call.close()
        return facts

    assert run(main) == (True, name, name.split(".")[-1], False, "<coroutine object ")


def test_nothing_happens_before_it_is_awaited(run):
    async def main():
        lock, queue = asyncio.Lock(), asyncio.Queue()
        acquire, put = lock.acquire(), queue.put("item")
        before = lock.locked(), queue.qsize()
        await acquire
        await put
        return before, (lock.locked(), queue.qsize())

    assert run(main) == ((False, 0), (True, 1))


def test_it_can_be_awaited_only_once(run):
    async def main():
        call = asyncio.Lock().acquire()
        await call
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await call

    run(main)


def test_it_can_be_run_as_a_task(run):
    async def main():
        queue = asyncio.Queue()
        getting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        await asyncio.create_task(queue.put("item"))
        return await getting

    assert run(main) == "item"


def test_a_throw_before_the_first_step_only_ends_it(run):
    async def main():
        lock = asyncio.Lock()
        call = lock.acquire()
        with pytest.raises(LookupError):
            call.throw(LookupError())
        with pytest.raises(RuntimeError):
            await call
        return lock.locked()

    assert run(main) is False


def test_send_of_a_value_at_first_is_refused(run):
    async def main():
        call = asyncio.Lock().acquire()
        with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
            call.send(1)
        call.close()

    run(main)


def test_driven_by_hand_it_yields_the_future_and_ends_with_the_result(run):
    async def main():
        queue = asyncio.Queue()
        call = queue.get()
        future = call.send(None)
        assert asyncio.isfuture(future)
        queue.put_nowait("item")
        with pytest.raises(StopIteration) as ended:
            call.send(None)
        return ended.value.value, ended.value.args

    assert run(main) == ("item", ("item",))


def test_a_step_too_early_is_an_error(run):
    async def main():
        queue = asyncio.Queue()
        call = queue.get()
        call.send(None)
        with pytest.raises(RuntimeError, match="await wasn't used with future"):
            call.send(None)
        return len(queue._getters)

    assert run(main) == 0


@pytest.mark.parametrize("end", ["close", "drop"])
def test_one_that_is_given_up_while_it_waits_leaves_the_line(run, end):
    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        call = lock.acquire()
        call.send(None)
        waiting = len(lock._waiters)
        if end == "close":
            call.close()
        del call
        gc.collect()
        return waiting, len(lock._waiters)

    assert run(main) == (1, 0)


def test_a_result_is_not_kept_alive(run):
    class Item:
        pass

    async def main():
        queue = asyncio.Queue()
        await queue.put(Item())
        item = await queue.get()
        alive = weakref.ref(item)
        del item
        return alive()

    assert run(main) is None


@pytest.mark.parametrize("result", [(), (1, 2), ValueError("an exception"), None, StopIteration(1)])
def test_a_result_of_any_kind_comes_back_as_it_is(run, result):
    async def main():
        queue = asyncio.Queue()
        await queue.put(result)
        return await queue.get()

    assert run(main) is result


def test_a_cycle_through_a_waiting_call_is_collected(run):
    class Item:
        pass

    async def main():
        queue = asyncio.Queue(1)
        queue.put_nowait(None)
        item = Item()
        item.call = queue.put(item)
        item.future = item.call.send(None)
        item.queue = queue
        alive = weakref.ref(item)
        del item, queue
        gc.collect()
        return alive()

    assert run(main) is None


def functions():
    """What programs ask about: methods of a class and of an instance, and a function."""
    return {
        "Queue.put": (asyncio.Queue.put, asyncio.Queue().put),
        "Queue.get": (asyncio.LifoQueue.get, asyncio.Queue().get),
        "Lock.acquire": (asyncio.Lock.acquire, asyncio.Lock().acquire),
        "Semaphore.acquire": (asyncio.BoundedSemaphore.acquire, asyncio.Semaphore().acquire),
        "Event.wait": (asyncio.Event.wait, asyncio.Event().wait),
        "sleep": (asyncio.sleep, asyncio.sleep),
    }


def test_methods_are_known_as_coroutine_functions(loop_kind):
    for name, found in functions().items():
        for function in found:
            assert inspect.iscoroutinefunction(function), name
            assert function.__qualname__ == name
            assert function.__doc__


def test_methods_show_the_signature_of_asyncio(loop_kind):
    assert str(inspect.signature(asyncio.Queue.put)) == "(self, item)"
    assert str(inspect.signature(asyncio.Queue().put)) == "(item)"
    assert str(inspect.signature(asyncio.sleep)) == "(delay, result=None)"


def test_a_mock_of_a_method_can_be_awaited(run):
    async def main():
        queue = mock.create_autospec(asyncio.Queue, instance=True)
        queue.get.return_value = "item"
        with mock.patch("asyncio.sleep") as sleep:
            await asyncio.sleep(3600)
        queue.put_nowait("other")
        return await queue.get(), sleep.await_count

    assert run(main) == ("item", 1)


def test_a_method_is_only_for_its_own_class(loop_kind):
    with pytest.raises((TypeError, AttributeError)):
        asyncio.Lock.acquire(asyncio.Queue()).send(None)
