"""Everything dies: alone by its last reference, in a cycle by the collector, and nobody leaks a reference."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import weakref

import ferraio
import pytest
from turns import turn

ROUNDS = 200
KEPT = 12_000


class Marker:
    """Dies together with whatever holds it."""


async def wait_for(future, *kept):
    return await future


def in_attribute(thing, marker):
    thing.itself = thing, marker


def in_callback(future, marker):
    future.add_done_callback(lambda _, kept=(future, marker): None)


def in_result(future, marker):
    future.set_result((future, marker))


def in_exception(future, marker):
    error = LookupError()
    error.kept = future, marker
    future.set_exception(error)
    future._log_traceback = False


def in_cancel_message(future, marker):
    future.cancel(msg=(future, marker))


def in_context(future, marker):
    context = contextvars.Context()
    context.run(contextvars.ContextVar("kept").set, (future, marker))
    future.add_done_callback(print, context=context)
    future.remove_done_callback(repr)


@pytest.fixture
def die(run):
    """Makes things that belong to cycles, and sees to it that they die.

    `die(make)` calls `make(loop, marker)`, a coroutine function.
    """

    def die(make, turns=3):
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: None)
            marker = Marker()
            reference = weakref.ref(marker)
            await make(loop, marker)
            del marker
            await turn(turns)
            gc.collect()
            assert reference() is None

        run(main)

    return die


@pytest.mark.parametrize(
    "bind",
    [in_attribute, in_callback, in_result, in_exception, in_cancel_message, in_context],
    ids=lambda f: f.__name__,
)
def test_a_future_in_a_cycle_dies(die, bind):
    async def make(loop, marker):
        bind(loop.create_future(), marker)

    die(make)


@pytest.mark.parametrize("bind", [in_attribute, in_callback], ids=lambda f: f.__name__)
def test_a_pending_task_in_a_cycle_dies(die, bind):
    async def make(loop, marker):
        task = asyncio.create_task(wait_for(loop.create_future()))
        bind(task, marker)
        await turn()

    die(make)


def test_a_task_that_waits_for_a_future_that_only_it_knows_dies(die):
    async def make(loop, marker):
        asyncio.create_task(wait_for(loop.create_future(), marker))
        await turn()

    die(make)


def test_tasks_that_wait_for_each_other_die(die):
    async def make(loop, marker):
        tasks = {}

        async def wait(name, kept):
            await tasks[name]

        tasks["first"] = asyncio.create_task(wait("second", marker))
        tasks["second"] = asyncio.create_task(wait("first", marker))
        await turn(2)

    die(make)


def test_a_finished_task_in_a_cycle_dies(die):
    async def result(marker):
        return asyncio.current_task(), marker

    async def make(loop, marker):
        await asyncio.create_task(result(marker))

    die(make)


def test_a_failed_task_in_a_cycle_dies(die):
    async def fail(marker):
        task = asyncio.current_task()
        error = LookupError(task, marker)
        raise error

    async def make(loop, marker):
        task = asyncio.create_task(fail(marker))
        await turn(2)
        assert task.done()

    die(make)


def test_a_gather_in_a_cycle_dies(die):
    async def make(loop, marker):
        gathering = asyncio.gather(loop.create_future(), wait_for(loop.create_future(), marker))
        gathering.itself = gathering
        await turn()

    die(make)


def test_a_gather_whose_child_knows_it_dies(die):
    async def make(loop, marker):
        future = loop.create_future()
        future.gathering = asyncio.gather(future, loop.create_future()), marker

    die(make)


def test_a_task_group_in_a_cycle_dies(die):
    async def make(loop, marker):
        async def child(group):
            group.kept = group, marker

        async with asyncio.TaskGroup() as group:
            group.create_task(child(group))

    die(make)


def test_a_sleep_in_a_cycle_dies(die):
    async def make(loop, marker):
        asyncio.create_task(asyncio.sleep(3600, marker)).cancel()
        await turn(2)

    die(make)


def test_a_sleep_that_nobody_awaits_dies(die):
    async def make(loop, marker):
        sleep = asyncio.sleep(3600, marker)
        sleep.close()

    die(make)


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_a_handle_that_has_run_lets_go(die, schedule):
    async def make(loop, marker):
        arguments = {"call_later": [0], "call_at": [loop.time()]}.get(schedule, [])
        kept = [marker]
        kept.append(getattr(loop, schedule)(*arguments, kept.append, kept))

    die(make)


@pytest.mark.parametrize("schedule", ["call_soon", "call_later"])
def test_a_cancelled_handle_lets_go(die, schedule):
    async def make(loop, marker):
        arguments = [3600] if schedule == "call_later" else []
        kept = [marker]
        kept.append(getattr(loop, schedule)(*arguments, kept.append, kept))
        kept[-1].cancel()

    die(make)


def test_queues_locks_and_events_in_a_cycle_die(die):
    async def make(loop, marker):
        queue, event, lock = asyncio.Queue(), asyncio.Event(), asyncio.Lock()
        queue.put_nowait((queue, event, lock, marker))
        await lock.acquire()

        async def wait(awaitable, *kept):
            await awaitable

        for awaitable in (event.wait(), lock.acquire()):
            asyncio.create_task(wait(awaitable, queue, event, lock, marker))
        await turn(2)

    die(make)


def test_a_timeout_in_a_cycle_dies(die):
    async def make(loop, marker):
        async with asyncio.timeout(3600) as timeout:
            pass
        marker.timeout = timeout, marker

    die(make, turns=5)


def test_things_die_by_their_last_reference(run):
    async def main():
        loop = asyncio.get_running_loop()
        gc.disable()
        try:
            for make in (
                loop.create_future,
                lambda: asyncio.Future(loop=loop),
                lambda: asyncio.Task(asyncio.sleep(0), loop=loop),
                lambda: asyncio.gather(asyncio.sleep(0), asyncio.sleep(0)),
            ):
                thing = make()
                thing.marker = Marker()
                reference, marker = weakref.ref(thing), weakref.ref(thing.marker)
                await turn(4)
                if not thing.done():
                    thing.cancel()
                await turn()
                del thing
                assert (reference(), marker()) == (None, None)
        finally:
            gc.enable()

    run(main)


def test_weak_callbacks_are_called_when_things_die(run):
    async def main():
        died = []
        future = asyncio.get_running_loop().create_future()
        weak = weakref.ref(future, lambda _: died.append("future"))
        task = asyncio.create_task(asyncio.sleep(0))
        weak_task = weakref.ref(task, lambda _: died.append("task"))
        del future
        await task
        del task
        await turn()
        assert sorted(died) == ["future", "task"]
        assert weak() is weak_task() is None

    run(main)


OWN_CLASSES = """
import asyncio, gc, weakref
import ferraio

ferraio.install()

class Loop(ferraio.EventLoop):
    pass

class Reader(asyncio.StreamReader):
    pass

with asyncio.Runner(loop_factory=Loop) as runner:
    reader = Reader(loop=runner.get_loop())
classes = [weakref.ref(Loop), weakref.ref(Reader)]
del Loop, Reader, runner, reader
gc.collect()
assert [reference() for reference in classes] == [None, None]
"""


def test_the_first_of_its_kind_may_be_of_a_class_that_dies():
    child = subprocess.run([sys.executable, "-c", OWN_CLASSES], capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")


def test_memory_used_again_has_nothing_of_its_past(run):
    """A future that takes the place of a dead one has none of its attributes, weak references or results."""

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(ROUNDS):
            future = loop.create_future()
            assert not hasattr(future, "own_attribute")
            assert not future._callbacks
            assert (future._state, future._result, future._exception) == ("PENDING", None, None)
            assert weakref.getweakrefcount(future) == 0
            assert future._asyncio_future_blocking is False
            future.own_attribute = Marker()
            weak = weakref.ref(future)
            future.add_done_callback(print)
            future.remove_done_callback(print)
            future.set_exception(LookupError())
            future.exception()
            del future
            assert weak() is None

        for _ in range(ROUNDS):
            task = asyncio.create_task(asyncio.sleep(0), name="named")
            assert not hasattr(task, "own_attribute")
            assert (task._must_cancel, task._fut_waiter, task.cancelling()) == (False, None, 0)
            assert weakref.getweakrefcount(task) <= 1  # asyncio's own set of all tasks
            task.own_attribute = Marker()
            task.cancel()
            await turn(2)
            assert task.cancelled()

    run(main)


async def finish(value):
    await asyncio.sleep(0)
    return value


async def fail(value):
    await asyncio.sleep(0)
    raise LookupError(value)


async def of_tasks(value):
    await asyncio.create_task(finish(value))
    task = asyncio.create_task(finish(value))
    task.cancel(value)
    await asyncio.wait([task])


async def of_gathers(value):
    await asyncio.gather(finish(value), finish(value))
    await asyncio.gather(finish(value), fail(value), return_exceptions=True)
    gathering = asyncio.gather(finish(value), finish(value))
    await turn()
    gathering.cancel(value)
    await asyncio.wait([gathering])
    assert isinstance(gathering.exception(), asyncio.CancelledError)


async def of_groups(value):
    async with asyncio.TaskGroup() as group:
        group.create_task(finish(value))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(finish(value))
            group.create_task(fail(value))
    except* LookupError:
        pass


async def of_futures(value):
    future = asyncio.Future()
    future.add_done_callback(print, context=contextvars.copy_context())
    future.remove_done_callback(print)
    asyncio.get_running_loop().call_soon(future.set_result, value)
    await future
    future = asyncio.Future()
    future.set_exception(LookupError(value))
    future.exception()
    future = asyncio.Future()
    future.cancel(value)
    await asyncio.wait([future])
    repr(future)


async def of_handles(value):
    loop = asyncio.get_running_loop()
    for schedule in (loop.call_soon, loop.call_soon_threadsafe):
        handle = schedule(id, value)
        repr(handle), handle._args, handle._callback, handle._context
        schedule(id, value).cancel()
    loop.call_later(0, id, value)
    loop.call_later(3600, id, value).cancel()
    await turn(2)


async def of_sleeps(value):
    await asyncio.sleep(0, value)
    await asyncio.sleep(1e-9, value)
    task = asyncio.create_task(asyncio.sleep(3600, value))
    await turn()
    task.cancel(value)
    await asyncio.wait([task])


async def of_wrong_arguments(value):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    for function, arguments in [
        (asyncio.sleep, (value, value, value)),
        (loop.call_soon, ()),
        (loop.call_later, (value, value)),
        (loop.create_task, (value,)),
        (loop.add_reader, (value, value)),
        (future.add_done_callback, (value, value)),
        (future.set_exception, (value,)),
        (asyncio.Task, (value,)),
        (asyncio.Future, (value,)),
        (asyncio.gather, (value,)),
    ]:
        try:
            function(*arguments)
        except (TypeError, ValueError):
            continue
        raise AssertionError(function)
    future.cancel()


@pytest.mark.parametrize(
    "work",
    [of_tasks, of_gathers, of_groups, of_futures, of_handles, of_sleeps, of_wrong_arguments],
    ids=lambda work: work.__name__,
)
def test_no_reference_is_leaked_or_lost(run, work):
    async def main():
        value, loop = Marker(), asyncio.get_running_loop()
        singletons = (value, loop, None, True, False, (), type(loop), asyncio.Task, asyncio.Future, finish, print)

        async def counts():
            await turn(3)
            gc.collect()
            return [sys.getrefcount(thing) for thing in singletons]

        # Memory that is kept for reuse refers to its class until it is given back. We use all of it up.
        used_up = [kind.__new__(kind) for kind in (asyncio.Task, asyncio.Future) for _ in range(KEPT)]
        for _ in range(10):
            await work(value)
        # What is leaked or lost is so in each round; what else changes (None is in everything) comes to rest.
        before = await counts()
        for _ in range(4):
            for _ in range(ROUNDS):
                await work(value)
            after = await counts()
            changes = {
                thing: count_after - count_before
                for thing, count_before, count_after in zip(singletons, before, after, strict=True)
                if abs(count_after - count_before) >= ROUNDS // 2
            }
            if not changes:
                break
            before = after
        assert changes == {}
        del used_up

    # in debug mode each cancelled timer that is still in the heap refers to None some ten times
    run(main, debug=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda loop: loop.create_future(),
        lambda loop: ferraio.Future(loop=loop),
        lambda loop: ferraio.Task(finish(1), loop=loop),
        lambda loop: ferraio.TaskGroup(),
    ],
)
def test_the_collector_knows_our_objects(make):
    loop = ferraio.new_event_loop()
    thing = make(loop)
    assert gc.is_tracked(thing)
    thing.referred = Marker()
    assert thing.referred in gc.get_referents(thing) or thing.referred in gc.get_referents(*gc.get_referents(thing))
    if isinstance(thing, ferraio.Task):
        loop.run_until_complete(thing)
    loop.close()


def test_collecting_in_the_middle_of_everything(run):
    """The collector may run at any allocation: it finds our objects in order at each of them."""
    threshold = gc.get_threshold()

    async def main():
        for work in (of_tasks, of_gathers, of_groups, of_futures, of_handles, of_sleeps):
            await work(Marker())

    gc.set_threshold(1, 1, 1)
    try:
        run(main)
    finally:
        gc.set_threshold(*threshold)


@pytest.mark.parametrize("observed_by", ["debug mode", "a patched _run"])
@pytest.mark.parametrize("error", [LookupError, SystemExit])
def test_a_failed_task_dies_also_when_its_steps_are_observed(new_loop, monkeypatch, observed_by, error):
    loop = new_loop()
    loop.set_exception_handler(lambda *_: None)
    if observed_by == "debug mode":
        loop.set_debug(True)
    else:
        original = asyncio.events.Handle._run
        monkeypatch.setattr(asyncio.events.Handle, "_run", lambda self: original(self))

    async def fail(marker):
        await asyncio.sleep(0)
        raise error

    marker = Marker()
    reference = weakref.ref(marker)
    task = loop.create_task(fail(marker))
    del marker
    for _ in range(3):
        loop.call_soon(loop.stop)
        try:
            loop.run_forever()
        except SystemExit:
            pass
    assert isinstance(task.exception(), error)
    del task
    gc.collect()
    assert reference() is None
