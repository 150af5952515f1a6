"""What packages that agent programs use expect of asyncio, beyond its documentation.

Private attributes, `isinstance` of names imported early, patched methods, and classes of other makers in one loop.
"""

import asyncio
import asyncio.base_events
import contextvars
import gc
import logging
import sys
import threading
import types
import weakref
from asyncio import Event as EarlyEvent
from asyncio import Future as EarlyFuture
from asyncio import Lock as EarlyLock
from asyncio import Queue as EarlyQueue
from asyncio import Task as EarlyTask

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest


async def nothing():
    pass


async def turn(times=1):
    for _ in range(times):
        await asyncio.sleep(0)


# Tasks.


def test_tasks_and_futures_are_those_of_names_imported_early(run):
    async def main():
        task = asyncio.create_task(nothing())
        future = asyncio.get_running_loop().create_future()
        gathering = asyncio.gather(task)
        for task_class in (EarlyTask, asyncio.Task):
            assert isinstance(task, task_class)
            assert issubclass(type(task), task_class)
            assert not isinstance(future, task_class)
        for future_class in (EarlyFuture, asyncio.Future):
            for instance in (task, future, gathering):
                assert isinstance(instance, future_class)
                assert issubclass(type(instance), future_class)
        for instance in (task, future, gathering):
            assert asyncio.isfuture(instance)
        await gathering

    run(main)


def test_the_private_attributes_of_a_task(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        async def wait():
            await future

        coro = wait()
        task = asyncio.create_task(coro)
        assert (task._fut_waiter, task._must_cancel, task._state) == (None, False, "PENDING")
        assert (task._loop, task._coro, task.get_coro()) == (loop, coro, coro)
        await turn()
        assert task._fut_waiter is future
        assert isinstance(task._fut_waiter, asyncio.Future)
        task._log_destroy_pending = False
        assert task._log_destroy_pending is False
        future.set_result(None)
        await task
        assert (task._fut_waiter, task._state) == (None, "FINISHED")
        assert isinstance(task.get_context() if hasattr(task, "get_context") else task._context, contextvars.Context)

    run(main)


@pytest.mark.parametrize("subclass", [False, True])
def test_the_callbacks_are_pairs_of_callable_and_context(run, subclass):
    async def main():
        loop = asyncio.get_running_loop()
        task_class = type("Subclass", (asyncio.Task,), {}) if subclass else asyncio.Task
        for future in (asyncio.Future(), task_class(nothing(), loop=loop)):
            assert not future._callbacks
            context = contextvars.copy_context()
            future.add_done_callback(print, context=context)
            future.add_done_callback(repr)
            (first, first_context), (second, second_context) = future._callbacks
            assert (first, second) == (print, repr)
            assert first_context is context
            assert isinstance(second_context, contextvars.Context)
            for callback in (print, repr):
                assert future.remove_done_callback(callback) == 1
            future.cancel()
        await turn()

    run(main)


def test_a_waiting_task_is_among_the_callbacks(run):
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def wait():
            await future

        task = asyncio.create_task(wait())
        await turn()
        ((callback, context),) = future._callbacks
        assert callback.__self__ is task
        assert isinstance(context, contextvars.Context)
        future.set_result(None)
        await task

    run(main)


def test_the_root_task_is_known_by_its_callback(run):
    async def main():
        task = asyncio.current_task()
        if sys.version_info < (3, 15):
            assert any(callback is asyncio.base_events._run_until_complete_cb for callback, _ in task._callbacks)

    run(main)


def test_the_source_traceback_can_be_shortened(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(nothing())
        for thing in (future, task):
            assert thing._source_traceback[-1].name in ("main", "create_task", "create_future")
            length = len(thing._source_traceback)
            del thing._source_traceback[-1]
            assert len(thing._source_traceback) == length - 1
        await task

    run(main, debug=True)


def test_attributes_and_weak_references(run):
    async def main():
        kept = weakref.WeakKeyDictionary()
        for thing in (asyncio.create_task(nothing()), asyncio.Future(), asyncio.gather(nothing())):
            thing.own_attribute = 7
            assert thing.own_attribute == 7
            kept[thing] = "value"
            assert weakref.ref(thing)() is thing
            del thing.own_attribute
            assert not hasattr(thing, "own_attribute")
            assert kept[thing] == "value"
            await turn(3)
            del thing
        gc.collect()
        assert len(kept) == 0

    run(main)


def test_a_task_factory_passes_its_keywords_on(run):
    async def main():
        loop = asyncio.get_running_loop()
        made = []

        def factory(loop, coro, **keywords):
            made.append(keywords)
            return asyncio.Task(coro, loop=loop, **keywords)

        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        task = asyncio.create_task(nothing(), name="named")
        assert task.get_name() == "named"
        context = contextvars.copy_context()
        task = loop.create_task(nothing(), context=context)
        await task
        await asyncio.gather(nothing(), nothing())
        async with asyncio.TaskGroup() as group:
            group.create_task(nothing())
        await asyncio.wait_for(asyncio.ensure_future(nothing()), 1)
        assert len(made) == 6
        loop.set_task_factory(None)
        assert loop.get_task_factory() is None

    run(main)


def test_a_foreign_task_class_keeps_the_books(run):
    """A scheduler that steps a coroutine by itself tells asyncio so."""

    class ForeignTask:
        def __init__(self, loop):
            self.loop = loop

        def get_loop(self):
            return self.loop

        def get_name(self):
            return "foreign"

        def done(self):
            return False

    async def main():
        loop = asyncio.get_running_loop()
        own = asyncio.current_task()
        foreign = ForeignTask(loop)
        asyncio.tasks._register_task(foreign)
        assert asyncio.all_tasks() == {own, foreign}
        seen = []

        def step():
            asyncio.tasks._enter_task(loop, foreign)
            seen.append(asyncio.current_task())
            asyncio.tasks._leave_task(loop, foreign)
            seen.append(asyncio.current_task())

        loop.call_soon(step)
        await turn(2)
        assert seen == [foreign, None]
        assert asyncio.current_task() is own
        asyncio.tasks._unregister_task(foreign)
        assert asyncio.all_tasks() == {own}

    run(main)


def test_entering_a_task_inside_another_is_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match=r"^Cannot enter into task "):
            asyncio.tasks._enter_task(loop, object())
        with pytest.raises(RuntimeError, match=r"^Leaving task .* does not match the current task "):
            asyncio.tasks._leave_task(loop, object())
        assert asyncio.current_task() is not None

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_the_current_task_can_be_swapped(run):
    async def main():
        loop = asyncio.get_running_loop()
        own = asyncio.current_task()
        other = asyncio.create_task(nothing())
        assert asyncio.tasks._swap_current_task(loop, other) is own
        assert asyncio.current_task() is other
        assert asyncio.tasks._swap_current_task(loop, None) is other
        assert asyncio.current_task() is None
        assert asyncio.tasks._swap_current_task(loop, own) is None
        await other

    run(main)


def test_tasks_can_be_subclassed(run):
    class Subclass(asyncio.Task):
        def __init__(self, coro, *, extra, **keywords):
            super().__init__(coro, **keywords)
            self.extra = extra
            self.cancelled_with = []

        def cancel(self, *arguments, **keywords):
            self.cancelled_with.append((arguments, keywords))
            return super().cancel(*arguments, **keywords)

    async def sleep():
        await asyncio.sleep(3600)

    async def main():
        loop = asyncio.get_running_loop()
        task = Subclass(sleep(), extra=7, loop=loop, name="subclassed")
        assert (task.extra, task.get_name()) == (7, "subclassed")
        assert task in asyncio.all_tasks()

        async def wait():
            await task

        waiting = asyncio.create_task(wait())
        await turn(2)
        waiting.cancel("through the other")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(task.cancelled_with) == 1
        assert task.cancelled()

        gathering = asyncio.gather(Subclass(nothing(), extra=1, loop=loop), Subclass(nothing(), extra=1, loop=loop))
        assert await gathering == [None, None]

    run(main)


# Futures.


def test_futures_can_be_subclassed(run):
    class Subclass(asyncio.Future):
        def __init__(self, name, **keywords):
            super().__init__(**keywords)
            self.name = name

        def __await__(self):
            awaited.append(self.name)
            return super().__await__()

        __iter__ = __await__

    awaited = []

    async def main():
        loop = asyncio.get_running_loop()
        future = Subclass("subclassed", loop=loop)
        loop.call_soon(future.set_result, "result")
        assert await future == "result"
        assert awaited == ["subclassed"]
        failed = Subclass("failed", loop=loop)
        loop.call_soon(failed.set_exception, LookupError("failed"))
        with pytest.raises(LookupError, match="failed"):
            await failed

    run(main)


class ForeignFuture:
    """What other libraries yield: an object of their own with the flag."""

    _asyncio_future_blocking = False

    def __init__(self, loop):
        self._loop = loop
        self.callbacks = []
        self.outcome = None
        self.cancelled_with = []

    def get_loop(self):
        return self._loop

    def add_done_callback(self, callback, *, context=None):
        self.callbacks.append((callback, context))

    def finish(self, outcome):
        self.outcome = outcome
        for callback, context in self.callbacks:
            self._loop.call_soon(callback, self, context=context)

    def result(self):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def cancel(self, msg=None):
        self.cancelled_with.append(msg)
        self.finish(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))
        return True

    def __await__(self):
        self._asyncio_future_blocking = True
        yield self
        return self.result()


@pytest.mark.parametrize("outcome", ["result", LookupError("failed")])
@pytest.mark.parametrize("task_class", ["new", "early", "subclass"])
def test_a_task_awaits_a_foreign_future(run, outcome, task_class):
    async def main():
        loop = asyncio.get_running_loop()
        foreign = ForeignFuture(loop)
        classes = {"new": asyncio.Task, "early": EarlyTask, "subclass": type("Subclass", (asyncio.Task,), {})}

        async def wait():
            assert foreign._asyncio_future_blocking is False
            return await foreign

        task = classes[task_class](wait(), loop=loop)
        await turn()
        assert task._fut_waiter is foreign
        assert foreign._asyncio_future_blocking is False
        assert isinstance(foreign.callbacks[0][1], contextvars.Context)
        foreign.finish(outcome)
        if isinstance(outcome, Exception):
            with pytest.raises(LookupError, match="failed"):
                await task
        else:
            assert await task == outcome

    run(main)


def test_cancelling_a_task_cancels_the_foreign_future(run):
    async def main():
        foreign = ForeignFuture(asyncio.get_running_loop())

        async def wait():
            await foreign

        task = asyncio.create_task(wait())
        await turn()
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError, match="message"):
            await task
        assert foreign.cancelled_with == ["message"]

    run(main)


class ForeignTask:
    """A task of another library: it steps a coroutine and waits for whatever has the flag."""

    def __init__(self, coro, loop):
        self.coro, self.loop, self.outcome = coro, loop, None
        loop.call_soon(self.step)

    def step(self, future=None):
        try:
            awaited = self.coro.send(None)
        except StopIteration as stop:
            self.outcome = stop.value
            return
        except Exception as error:
            self.outcome = error
            return
        assert awaited._asyncio_future_blocking is True
        awaited._asyncio_future_blocking = False
        awaited.add_done_callback(self.step)


def test_a_foreign_task_awaits_our_futures(run):
    async def main():
        loop = asyncio.get_running_loop()
        future, failing = loop.create_future(), loop.create_future()
        task = loop.create_task(asyncio.sleep(0, "of the task"))

        async def wait():
            results = [await future, await task, *await asyncio.gather(task, asyncio.sleep(0.001, "slept"))]
            try:
                await failing
            except LookupError as error:
                results.append(str(error))
            await asyncio.sleep(0.001)
            return results

        foreign = ForeignTask(wait(), loop)
        loop.call_soon(future.set_result, "of the future")
        loop.call_soon(failing.set_exception, LookupError("failed"))
        while foreign.outcome is None:
            await asyncio.sleep(0.001)
        assert foreign.outcome == ["of the future", "of the task", "of the task", "slept", "failed"]

    run(main)


def test_futures_can_be_chained(run):
    async def main():
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        asyncio.futures._chain_future(first, second)
        first.set_result(1)
        assert await second == 1
        first, second = loop.create_future(), loop.create_future()
        asyncio.futures._chain_future(first, second)
        second.cancel()
        await turn()
        assert first.cancelled()

    run(main)


def test_the_children_of_a_gather(run):
    async def main():
        tasks = [asyncio.create_task(nothing()) for _ in range(3)]
        gathering = asyncio.gather(*tasks, tasks[0])
        assert list(gathering._children) == [*tasks, tasks[0]]
        await gathering

    run(main)


# Handles.


def test_the_classes_of_handles_stay_pythons():
    import ferraio

    stock = asyncio.events.Handle, asyncio.events.TimerHandle
    ferraio.install()
    try:
        assert (asyncio.events.Handle, asyncio.events.TimerHandle) == stock
        assert isinstance(asyncio.events.Handle._run, types.FunctionType)
        assert asyncio.events.Handle._run.__code__
    finally:
        ferraio.uninstall()


def test_handles_quack_like_asyncios(new_loop):
    loop = new_loop()
    handle, timer = loop.call_soon(print, 1, 2), loop.call_later(10, print)
    assert isinstance(handle, asyncio.Handle)
    assert isinstance(timer, asyncio.TimerHandle)
    assert isinstance(timer, asyncio.Handle)
    for each in (handle, timer):
        assert each._callback is print
        assert each._cancelled is each.cancelled() is False
        assert isinstance(each._context, contextvars.Context)
        assert each._loop is loop
        assert weakref.ref(handle)() is handle
    assert handle._args == (1, 2)
    assert tuple(timer._args) == ()
    assert timer.when() == timer._when > loop.time()
    if sys.version_info >= (3, 12):
        assert handle.get_context() is handle._context
    for each in (handle, timer):
        each.cancel()
        assert each._cancelled is each.cancelled() is True
        assert each._callback is None
        assert each._args is None
    assert callable(handle._run)


def test_a_patched_run_is_called_for_everything(run, monkeypatch):
    ran = []
    original = asyncio.events.Handle._run

    def patched(self):
        ran.append(self._callback)
        return original(self)

    async def main():
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(asyncio.events.Handle, "_run", patched)
        await turn()
        seen = []
        task = asyncio.create_task(nothing())
        loop.call_soon(seen.append, "soon")
        loop.call_later(0, seen.append, "later")
        await task
        await asyncio.sleep(0.001)
        await asyncio.gather(nothing(), nothing())
        monkeypatch.undo()
        await turn()
        assert seen == ["soon", "later"]
        assert ran.count(seen.append) == 2
        # the steps of each task are seen with the task
        assert any(getattr(callback, "__self__", None) is task for callback in ran)
        assert any(getattr(callback, "__self__", None) is asyncio.current_task() for callback in ran)
        number = len(ran)
        await turn(5)
        assert len(ran) == number

    run(main)


def test_errors_under_a_patched_run_are_reported_as_ever(new_loop, monkeypatch):
    loop, reports = new_loop(), []
    original = asyncio.events.Handle._run
    monkeypatch.setattr(asyncio.events.Handle, "_run", lambda self: original(self))
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    assert set(reports[0]) == {"message", "exception", "handle"}


# The loop.


def test_methods_can_be_set_on_the_loop(new_loop):
    loop, calls = new_loop(), []

    def wrap(name):
        original = getattr(loop, name)

        def wrapped(*arguments, **keywords):
            calls.append(name)
            return original(*arguments, **keywords)

        setattr(loop, name, wrapped)
        assert loop.__dict__[name] is wrapped

    for name in (
        "call_soon",
        "create_task",
        "getaddrinfo",
        "close",
        "time",
        "call_exception_handler",
        "run_in_executor",
    ):
        wrap(name)

    async def main():
        await asyncio.create_task(nothing())
        future = loop.create_future()
        future.add_done_callback(calls.append)
        future.set_result(None)
        await loop.getaddrinfo("127.0.0.1", 80)
        await asyncio.gather(nothing(), nothing())
        async with asyncio.TaskGroup() as group:
            group.create_task(nothing())

    loop.call_later(0, calls.append, "timer")
    loop.run_until_complete(main())
    assert calls.count("create_task") == 5
    # first steps, wake-ups and callbacks of futures all go through call_soon
    assert calls.count("call_soon") >= 10
    assert {"time", "getaddrinfo", "timer"} <= set(calls)
    for name in ("call_soon", "create_task", "time"):
        delattr(loop, name)
    del calls[:]

    async def later():
        await asyncio.create_task(nothing())

    task = loop.create_task(later())
    loop.run_until_complete(task)
    assert calls == []
    loop.close()
    assert calls == ["close"]


def test_methods_can_be_overridden_in_a_subclass(loop_factory):
    calls = []
    loop_class = type(loop_factory())

    class Subclass(loop_class):
        def call_soon(self, callback, *arguments, context=None):
            calls.append("call_soon")
            return super().call_soon(callback, *arguments, context=context)

        def time(self):
            return 2 * super().time()

        def create_task(self, coro, **keywords):
            calls.append("create_task")
            return super().create_task(coro, **keywords)

    async def main():
        await asyncio.gather(nothing(), nothing())
        await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=Subclass) as runner:
        runner.run(main())
    gc.collect()
    assert calls.count("create_task") >= 3
    assert calls.count("call_soon") >= 6


def test_the_loop_takes_attributes(new_loop):
    loop = new_loop()
    loop.own_attribute = 7
    assert loop.__dict__["own_attribute"] == 7
    assert weakref.ref(loop)() is loop
    with pytest.raises(AttributeError):
        loop.no_such_attribute  # noqa: B018


def test_the_loop_is_one_of_asyncios(new_loop):
    loop = new_loop()
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(loop, asyncio.BaseEventLoop)
    assert isinstance(loop, asyncio.SelectorEventLoop)


def test_the_private_attributes_of_the_loop(new_loop):
    loop = new_loop()
    assert not loop._ready
    assert len(loop._ready) == 0
    handle = loop.call_soon(print)
    timer = loop.call_later(3600, print)
    assert loop._ready
    assert list(loop._ready) == [handle]
    assert list(loop._scheduled) == [timer]
    assert loop._thread_id is None
    assert loop._check_closed() is None
    assert loop._default_executor is None
    assert len(loop._asyncgens) == 0
    handle.cancel()
    timer.cancel()
    loop.close()
    with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
        loop._check_closed()
    assert not loop._ready


def test_what_is_ready_shows_tasks_as_handles(new_loop):
    loop = new_loop()
    task = loop.create_task(nothing())
    (handle,) = loop._ready
    assert isinstance(handle, asyncio.Handle)
    assert handle._callback.__self__ is task
    loop.run_until_complete(task)


def test_sleeping_tasks_are_among_the_timers(new_loop):
    loop = new_loop()
    task = loop.create_task(asyncio.sleep(3600))
    loop.call_soon(loop.stop)
    loop.run_forever()
    (timer,) = loop._scheduled
    assert isinstance(timer, asyncio.TimerHandle)
    assert loop.time() < timer.when() <= loop.time() + 3600
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_the_settings_of_the_loop(new_loop):
    loop = new_loop()
    assert loop.get_debug() is sys.flags.dev_mode
    loop.set_debug(True)
    assert loop.get_debug() is True
    loop.set_debug(False)
    assert loop.slow_callback_duration == 0.1
    loop.slow_callback_duration = 0.5
    assert loop.slow_callback_duration == 0.5
    assert loop.get_exception_handler() is None
    assert loop.get_task_factory() is None


def test_the_running_loop_is_known_to_c(run):
    assert type(asyncio._get_running_loop).__name__ == "builtin_function_or_method"

    async def main():
        assert type(asyncio._get_running_loop).__name__ == "builtin_function_or_method"
        assert type(asyncio._set_running_loop).__name__ == "builtin_function_or_method"
        assert asyncio._get_running_loop() is asyncio.get_running_loop()

    run(main)


def test_a_loop_factory_is_a_way_in(loop_factory):
    async def main():
        return type(asyncio.get_running_loop())

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        made = runner.run(main())
    loop = loop_factory()
    assert made is type(loop)
    loop.close()


# Protocols are any object; queues and locks have their hooks.


def test_a_protocol_is_any_object(run):
    class Client:
        def connection_made(self, transport):
            self.transport, self.received = transport, b""
            self.lost = asyncio.get_running_loop().create_future()

        def data_received(self, data):
            self.received += data

        def eof_received(self):
            return False

        def connection_lost(self, error):
            self.lost.set_result(error)

    async def main():
        loop = asyncio.get_running_loop()

        async def answer(reader, writer):
            writer.write(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Client, *server.sockets[0].getsockname())
        transport.write(b"hello")
        assert await client.lost is None
        assert client.received == b"hello"
        server.close()
        await server.wait_closed()

    run(main)


def test_the_hooks_of_a_queue_are_called(run):
    class Subclass(asyncio.Queue):
        def _init(self, maxsize):
            self.log = []
            self._queue = []

        def _put(self, item):
            self.log.append(("put", item))
            self._queue.append(item)

        def _get(self):
            self.log.append("get")
            return self._queue.pop()

    async def main():
        queue = Subclass()
        await queue.put(1)
        queue.put_nowait(2)
        assert [await queue.get(), queue.get_nowait()] == [2, 1]
        assert queue.log == [("put", 1), ("put", 2), "get", "get"]
        getting = asyncio.create_task(queue.get())
        await turn()
        assert len(queue._getters) == 1
        assert len(queue._putters) == 0
        queue._wakeup_next(queue._getters)
        queue._queue.append("past put()")
        assert await getting == "past put()"

    run(main)


def test_the_private_attributes_of_primitives(run):
    async def main():
        event, semaphore, lock = asyncio.Event(), asyncio.Semaphore(3), asyncio.Lock()
        assert not event._waiters
        assert semaphore._value == 3
        assert not lock._waiters
        waiting = asyncio.create_task(event.wait())
        await semaphore.acquire()
        await lock.acquire()
        acquiring = asyncio.create_task(lock.acquire())
        await turn()
        assert semaphore._value == 2
        assert len(event._waiters) == len(lock._waiters) == 1
        event.set()
        lock.release()
        await asyncio.gather(waiting, acquiring)

    run(main)


def test_primitives_can_be_subclassed_with_slots(run):
    class SlottedEvent(asyncio.Event):
        __slots__ = ("extra",)

    class SlottedLock(asyncio.Lock):
        __slots__ = ("extra",)

    async def main():
        event, lock = SlottedEvent(), SlottedLock()
        event.extra = lock.extra = 7
        async with lock:
            event.set()
            assert await event.wait() is True

    run(main)


def test_the_private_attributes_of_streams(run):
    async def main():
        async def answer(reader, writer):
            writer.write(b"hello")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.readexactly(1) == b"h"
        assert reader._buffer is not None
        assert len(reader._buffer) in (0, 4)
        assert reader._limit == 2**16
        assert reader._transport is writer.transport
        assert reader._exception is None
        assert await reader.read() == b"ello"
        assert reader._eof is True
        assert not reader._buffer
        assert writer._protocol._paused is False
        writer.close()
        server.close()
        await server.wait_closed()

    run(main)


# Both generations of classes in one loop.


def test_old_and_new_classes_work_in_one_loop(run):
    async def main():
        loop = asyncio.get_running_loop()
        queue, event, lock, future = EarlyQueue(1), EarlyEvent(), EarlyLock(), EarlyFuture(loop=loop)
        new_event, new_queue, new_future = asyncio.Event(), asyncio.Queue(1), asyncio.Future()

        async def produce():
            async with lock:
                for item in range(5):
                    await queue.put(item)
                    await new_queue.put(-item)
            event.set()
            await new_event.wait()
            future.set_result("of the early future")
            new_future.set_exception(LookupError("of the new future"))

        producers = [EarlyTask(produce(), loop=loop)]
        consumed = [(await queue.get(), await new_queue.get()) for _ in range(5)]
        await event.wait()
        async with lock:
            new_event.set()
        results = await asyncio.gather(future, *producers, asyncio.shield(future))
        with pytest.raises(LookupError, match="of the new future"):
            await asyncio.wait_for(new_future, 10)
        assert consumed == [(item, -item) for item in range(5)]
        assert results == ["of the early future", None, "of the early future"]

    run(main)


def test_an_early_task_awaits_a_new_one_and_is_awaited(run):
    async def main():
        loop = asyncio.get_running_loop()

        async def chain(depth):
            if depth == 0:
                await asyncio.sleep(0)
                return ["bottom"]
            task_class = EarlyTask if depth % 2 else asyncio.Task
            return [*await task_class(chain(depth - 1), loop=loop), depth]

        assert await chain(6) == ["bottom", 1, 2, 3, 4, 5, 6]

    run(main)


def test_cancelling_goes_through_both_generations(run):
    async def main():
        loop = asyncio.get_running_loop()
        seen = []

        async def chain(depth):
            try:
                if depth == 0:
                    await EarlyFuture(loop=loop)
                task_class = EarlyTask if depth % 2 else asyncio.Task
                await task_class(chain(depth - 1), loop=loop)
            except asyncio.CancelledError as error:
                seen.append((depth, error.args))
                raise

        task = asyncio.create_task(chain(4))
        await turn(8)
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError, match="message"):
            await task
        assert seen == [(depth, ("message",)) for depth in range(5)]

    run(main)


def test_both_generations_are_among_all_tasks(run):
    async def main():
        loop = asyncio.get_running_loop()
        tasks = {EarlyTask(asyncio.sleep(0.001), loop=loop), asyncio.Task(asyncio.sleep(0.001), loop=loop)}
        assert asyncio.all_tasks() == {*tasks, asyncio.current_task()}
        assert asyncio.all_tasks(loop) == {*tasks, asyncio.current_task()}
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


# anyio, which the SDKs stand on.


def test_anyio_task_groups_and_cancel_scopes(run):
    seen = []

    async def child(number, *, task_status=anyio.TASK_STATUS_IGNORED):
        try:
            task_status.started(number)
            await anyio.sleep(3600)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
            seen.append(number)
            raise

    async def main():
        with anyio.move_on_after(0.005) as scope:
            async with anyio.create_task_group() as group:
                assert await group.start(child, 1) == 1
                group.start_soon(child, 2)
                await anyio.sleep(3600)
        assert scope.cancelled_caught
        assert sorted(seen) == [1, 2]
        assert asyncio.current_task().cancelling() == 0
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.001):
                await anyio.Event().wait()
        await anyio.lowlevel.checkpoint()

    run(main)


def test_anyio_task_group_collects_errors(run):
    async def fail(error):
        raise error

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with anyio.create_task_group() as group:
                group.start_soon(fail, LookupError("one"))
                group.start_soon(fail, ValueError("two"))
        assert {type(error) for error in caught.value.exceptions} == {LookupError, ValueError}

    run(main)


def test_anyio_threads(run):
    async def add(a, b):
        await anyio.sleep(0)
        return a + b

    def work(value):
        anyio.from_thread.check_cancelled()
        return anyio.from_thread.run(add, value, 1), anyio.from_thread.run_sync(threading.get_ident)

    async def main():
        result, ident = await anyio.to_thread.run_sync(work, 41)
        assert result == 42
        assert ident == threading.get_ident()
        results = []

        async def in_thread(number):
            results.append((await anyio.to_thread.run_sync(work, number))[0])

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(in_thread, number)
        assert sorted(results) == list(range(1, 21))

    run(main)


def test_anyio_streams_locks_and_limits(run):
    async def main():
        send, receive = anyio.create_memory_object_stream(2)
        limiter, lock = anyio.CapacityLimiter(2), anyio.Lock()
        total = 0

        async def produce(stream, items):
            async with stream:
                for item in items:
                    async with limiter:
                        await stream.send(item)

        async def consume(stream):
            nonlocal total
            async with stream:
                async for item in stream:
                    async with lock:
                        total += item

        async with anyio.create_task_group() as group, send, receive:
            for start in range(4):
                group.start_soon(produce, send.clone(), range(start * 10, start * 10 + 10))
                group.start_soon(consume, receive.clone())
            send.close()
            receive.close()
        assert total == sum(range(40))

    run(main)


def test_anyio_runs_on_the_loop_factory(loop_factory):
    async def main():
        return type(asyncio.get_running_loop())

    made = anyio.run(main, backend="asyncio", backend_options={"loop_factory": loop_factory})
    loop = loop_factory()
    assert made is type(loop)
    loop.close()


def test_logging_of_slow_callbacks_names_the_task(run, caplog):
    async def main():
        asyncio.get_running_loop().slow_callback_duration = 0
        asyncio.current_task().set_name("the slow task")
        await turn()

    caplog.set_level(logging.WARNING, "asyncio")
    run(main, debug=True)
    assert any("the slow task" in record.getMessage() for record in caplog.records)
