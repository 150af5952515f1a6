"""Running, stopping and closing a loop; executors, exception handlers, forks, and what is left behind."""

import asyncio
import concurrent.futures
import contextvars
import functools
import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings
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


# Runner, asynchronous generators, executors.


def test_the_runner_cancels_what_is_left(loop_factory):
    seen = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["cancelled"]


def test_a_leftover_task_that_swallows_its_cancellation_is_waited_for(loop_factory):
    seen = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
        await asyncio.sleep(0)
        seen.append("ended")

    async def main():
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["ended"]


def test_errors_of_leftover_tasks_are_reported(loop_factory):
    reports = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise LookupError("while ending") from None

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(reports) == 1
    assert set(reports[0]) == {"message", "exception", "task"}
    assert reports[0]["message"] == "unhandled exception during asyncio.run() shutdown"


def test_the_context_of_a_runner_is_kept(loop_factory):
    variable = contextvars.ContextVar("variable", default=0)

    async def add():
        variable.set(variable.get() + 1)
        return variable.get()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert [runner.run(add()), runner.run(add())] == [1, 2]
    assert variable.get() == 0


def test_asynchronous_generators_are_closed_at_the_end(loop_factory):
    seen = []

    async def generate():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def main():
        generator = generate()
        await anext(generator)
        seen.append("left")
        kept.append(generator)

    kept = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["left", "closed"]


def test_an_asynchronous_generator_that_is_dropped_is_closed_by_the_loop(run):
    seen = []

    async def generate():
        try:
            yield 1
        finally:
            seen.append("closed")

    async def main():
        async for _ in generate():
            break
        gc.collect()
        for _ in range(3):
            await asyncio.sleep(0)
        assert seen == ["closed"]

    run(main)


def test_errors_of_asynchronous_generators_are_reported(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def generate():
        try:
            yield 1
        finally:
            raise LookupError("while closing")

    async def main():
        generator = generate()
        await anext(generator)
        return generator

    generator = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert len(reports) == 1
    assert set(reports[0]) == {"message", "exception", "asyncgen"}
    assert reports[0]["asyncgen"] is generator
    assert reports[0]["message"].startswith("an error occurred during closing of asynchronous generator")


def test_work_in_the_default_executor(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
        assert await asyncio.to_thread(lambda *arguments, **keywords: (arguments, keywords), 1, a=2) == ((1,), {"a": 2})
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            assert await loop.run_in_executor(executor, sum, [1, 2, 3]) == 6

    run(main)


def test_a_default_executor_has_to_be_one_of_threads(new_loop):
    with pytest.raises(TypeError, match=r"^executor must be ThreadPoolExecutor instance$"):
        new_loop().set_default_executor("text")


def test_after_shutdown_the_default_executor_is_refused(new_loop):
    loop = new_loop()
    loop.run_until_complete(loop.run_in_executor(None, nothing))
    loop.run_until_complete(loop.shutdown_default_executor())

    async def main():
        loop.run_in_executor(None, nothing)

    with pytest.raises(RuntimeError, match=r"^Executor shutdown has been called$"):
        loop.run_until_complete(main())


def test_names_are_looked_up(run):
    async def main():
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("127.0.0.1", 80, type=1)
        assert [address for *_, address in found] == [("127.0.0.1", 80)]
        assert (await loop.getnameinfo(("127.0.0.1", 80), 1 | 2))[0] == "127.0.0.1"
        with pytest.raises(OSError):
            await loop.getaddrinfo("256.256.256.256", 80, flags=4)

    run(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_full_default_executor_does_not_starve_names(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        release = threading.Event()
        blocked = loop.run_in_executor(None, release.wait)
        await loop.getaddrinfo("localhost", 80)
        await loop.getnameinfo(("127.0.0.1", 80))
        assert not blocked.done()
        release.set()
        await blocked

    run(main)


# The exception handler.


def test_the_exception_handler_is_called_with_the_context(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments))
    context = {"message": "said by the program"}
    loop.call_exception_handler(context)
    assert reports == [(loop, context)]
    assert loop.get_exception_handler() is not None
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


def test_without_a_handler_the_context_is_logged(new_loop, caplog):
    loop = new_loop()
    caplog.set_level(logging.ERROR, "asyncio")
    loop.call_exception_handler({"message": "it happened", "extra": 7})
    assert caplog.records[0].getMessage() == "it happened\nextra: 7"


def test_a_handler_that_fails_is_logged(new_loop, caplog):
    loop = new_loop()
    loop.set_debug(False)
    loop.set_exception_handler(lambda *_: 1 / 0)
    loop.call_soon(nothing, "too", "many")
    loop.call_soon("not callable")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert caplog.records[0].getMessage().startswith("Unhandled error in exception handler\ncontext: {'message'")


def test_the_handle_of_a_failed_callback_is_in_the_context(new_loop):
    loop, reports = new_loop(), []
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: reports.append(context))

    def fail(argument):
        raise LookupError(argument)

    handle = loop.call_soon(fail, "argument")
    loop.call_soon(loop.stop)
    loop.run_forever()
    (context,) = reports
    assert set(context) == {"message", "exception", "handle", "source_traceback"}
    assert context["handle"] is handle
    assert context["message"].startswith(
        "Exception in callback test_the_handle_of_a_failed_callback_is_in_the_context."
    )
    assert f"fail('argument') at {__file__}:" in context["message"] or sys.version_info >= (3, 13)


def test_the_context_of_the_callback_is_that_of_the_handler(new_loop):
    loop, seen = new_loop(), []
    variable = contextvars.ContextVar("variable", default="outside")

    def fail():
        variable.set("inside")
        raise LookupError

    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    loop.call_soon(fail)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["inside"] if sys.version_info >= (3, 12) else seen in (["inside"], ["outside"])


# Forks.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_child_cannot_use_the_loop_and_does_the_parent_no_harm(run):
    async def main():
        loop = asyncio.get_running_loop()
        reader, writer = os.pipe()
        readable = asyncio.Event()
        loop.add_reader(reader, readable.set)
        await asyncio.sleep(0)
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            status = 1
            try:
                loop.remove_reader(reader)  # must not reach into the parent's epoll instance
                asyncio._set_running_loop(None)
                loop._thread_id = None
                try:
                    loop.run_until_complete(loop.create_future())
                except RuntimeError as error:
                    status = 0 if "fork" in str(error) else 2
                loop.close()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        os.write(writer, b"x")
        await readable.wait()
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)

    run(main)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_child_can_make_a_loop_of_its_own(run, loop_factory):
    async def of_the_child():
        await asyncio.sleep(0.001)
        assert asyncio.current_task() is not None
        return len(asyncio.all_tasks())

    async def main():
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            status = 1
            try:
                assert asyncio._get_running_loop() is None
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    runner.run(of_the_child())
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await asyncio.sleep(0.001)

    run(main)


def double(number):
    return 2 * number


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(run, method):
    async def main():
        loop = asyncio.get_running_loop()
        context = multiprocessing.get_context(method)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            assert await loop.run_in_executor(executor, double, 21) == 42

    with warnings.catch_warnings(action="ignore"):
        run(main)


# Programs of their own: what is printed at the end.


def run_program(prepare, program):
    child = subprocess.run(
        [sys.executable, "-X", "dev", "-c", f"import asyncio\n{prepare}\n{program}"], capture_output=True, text=True
    )
    return child.returncode, child.stdout, child.stderr


@pytest.mark.parametrize("prepare", ["", "import ferraio; ferraio.install()"])
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("loop = asyncio.new_event_loop()", "ResourceWarning: unclosed event loop"),
        (
            "async def f(): await asyncio.sleep(0)\n"
            "loop = asyncio.new_event_loop()\n"
            "task = loop.create_task(f())\n"
            "loop.close()\n"
            "del task",
            "Task was destroyed but it is pending!",
        ),
        ("async def f(): pass\nf()", "RuntimeWarning: coroutine 'f' was never awaited"),
        ("async def f(): asyncio.sleep(1)\nasyncio.run(f())", "RuntimeWarning: coroutine 'sleep' was never awaited"),
        (
            "async def f(): asyncio.get_running_loop().create_future().set_exception(LookupError('lost'))\n"
            "asyncio.run(f())",
            "Future exception was never retrieved",
        ),
    ],
)
def test_what_python_says_at_the_end(prepare, program, expected):
    status, _, errors = run_program(prepare, program)
    assert status == 0, errors
    assert expected in errors


@pytest.mark.parametrize("prepare", ["", "import ferraio; ferraio.install()"])
def test_a_task_alive_at_exit_does_no_harm(prepare):
    program = """
import threading, sys
loop = asyncio.new_event_loop()
async def spin():
    print("spinning", flush=True)
    while True:
        await asyncio.sleep(0)
async def main():
    sys.exit_holder = asyncio.create_task(spin())
    await asyncio.sleep(0)
    raise SystemExit(7)
try:
    loop.run_until_complete(main())
finally:
    print("running", loop.is_running())
"""
    status, output, errors = run_program(prepare, program)
    assert (status, output) == (7, "spinning\nrunning False\n"), errors
    assert "panicked" not in errors


def test_a_daemon_thread_with_a_running_loop_does_not_keep_python_from_ending():
    program = """
import ferraio, threading
ready = threading.Event()
async def main():
    ready.set()
    while True:
        await asyncio.sleep(0.001)
threading.Thread(target=lambda: ferraio.run(main(), install=False), daemon=True).start()
ready.wait()
"""
    status, _, errors = run_program("", program)
    assert status == 0, errors
    assert "panicked" not in errors


def test_time_is_monotonic(new_loop):
    loop = new_loop()
    assert time.monotonic() <= loop.time() <= time.monotonic()
