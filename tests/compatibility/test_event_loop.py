"""What programs expect of the loop: patched and overridden methods, private attributes, the ways in."""

import asyncio
import gc
import sys
import weakref

import pytest


async def nothing():
    pass


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


def test_methods_can_be_overridden_in_a_subclass(new_loop):
    calls = []
    loop_class = type(new_loop())

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
