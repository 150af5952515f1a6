"""What programs expect of handles: that they look like asyncio's own, and that a patched `Handle._run` is called."""

import asyncio
import contextvars
import logging
import sys
import types
import weakref

from turns import turn


async def nothing():
    pass


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
    loop.set_debug(False)
    original = asyncio.events.Handle._run
    monkeypatch.setattr(asyncio.events.Handle, "_run", lambda self: original(self))
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    assert set(reports[0]) == {"message", "exception", "handle"}


def test_logging_of_slow_callbacks_names_the_task(run, caplog):
    async def main():
        asyncio.get_running_loop().slow_callback_duration = 0
        asyncio.current_task().set_name("the slow task")
        await turn()

    caplog.set_level(logging.WARNING, "asyncio")
    run(main, debug=True)
    assert any("the slow task" in record.getMessage() for record in caplog.records)
