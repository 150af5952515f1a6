"""call_soon, call_later, call_at and call_soon_threadsafe: order, time, threads, and what is refused."""

import asyncio
import contextvars
import itertools
import logging
import random
import socket
import threading
import weakref

import pytest
from turns import run_turns


def nothing(*_):
    pass


@pytest.fixture
def new_loop_with_clock(new_loop):
    """Makes a loop whose clock stands still until it is set, and the list that holds its time."""

    def make():
        loop, clock = new_loop(), [100.0]
        loop.time = lambda: clock[0]
        return loop, clock

    return make


# Time.


def test_timers_run_in_the_order_of_their_times(new_loop_with_clock):
    loop, clock = new_loop_with_clock()
    ran = []
    delays = random.Random(1).sample(range(1, 2000), 1000)
    for delay in delays:
        loop.call_later(delay, ran.append, delay)
    clock[0] += 1000
    run_turns(loop)
    assert ran == sorted(delay for delay in delays if delay <= 1000)
    clock[0] += 1000
    run_turns(loop)
    assert ran == sorted(delays)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_timers_of_the_same_time_run_in_the_order_they_were_made(new_loop_with_clock):
    loop, clock = new_loop_with_clock()
    ran = []
    for number in range(1000):
        loop.call_at(clock[0] + number % 7, ran.append, number)
    clock[0] += 7
    run_turns(loop)
    assert ran == sorted(range(1000), key=lambda number: number % 7)


def test_a_timer_is_not_run_before_its_time(new_loop_with_clock):
    loop, clock = new_loop_with_clock()
    ran = []
    loop.call_at(clock[0] + 1, ran.append, 1)
    clock[0] += 1 - 1e-6
    run_turns(loop)
    assert ran == []
    clock[0] += 1e-6
    run_turns(loop)
    assert ran == [1]


def test_timers_of_the_real_clock_are_never_early(run):
    async def main():
        loop = asyncio.get_running_loop()
        early = []
        done = loop.create_future()
        delays = [delay / 10_000 for delay in range(0, 150, 3)]
        left = itertools.count(len(delays) - 1, -1)

        def check(when):
            if loop.time() < when - loop._clock_resolution:
                early.append(when)
            if next(left) == 0:
                done.set_result(None)

        for delay in delays:
            when = loop.time() + delay
            loop.call_at(when, check, when)
        await done
        assert early == []

    run(main)


def test_when_is_exact(new_loop):
    loop = new_loop()
    for when in (0.1, 1e-9, 1234567.890123456, 2**53, 10**12 + 0.25, 7, -3):
        assert loop.call_at(when, nothing).when() == when
    loop.time = lambda: 5.0
    assert loop.call_later(0.1, nothing).when() == 5.0 + 0.1
    assert loop.call_later(-1, nothing).when() == 4.0


@pytest.mark.parametrize("delay", [0, -1, -0.0, 0.0, False])
def test_a_timer_that_is_due_at_once_runs_in_the_next_turn(new_loop, delay):
    loop, ran = new_loop(), []
    loop.call_later(delay, ran.append, 1)
    run_turns(loop)
    assert ran == [1]


@pytest.mark.parametrize("delay", [1e10, float("inf"), 1e300])
def test_a_timer_in_the_far_future_is_no_trouble(new_loop, delay):
    loop, ran = new_loop(), []
    loop.call_later(delay, ran.append, "too early")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert ran == []


def test_what_is_added_to_a_clock_of_integers_stays_an_integer(new_loop):
    loop = new_loop()
    loop.time = lambda: 3
    handle = loop.call_later(2, nothing)
    assert (handle.when(), type(handle.when())) == (5, int)


def test_cancelling_a_due_timer_keeps_it_from_running(new_loop_with_clock):
    loop, clock = new_loop_with_clock()
    ran = []
    second = None

    def first():
        ran.append("first")
        second.cancel()

    loop.call_at(clock[0] + 1, first)
    second = loop.call_at(clock[0] + 2, ran.append, "second")
    clock[0] += 3
    run_turns(loop)
    run_turns(loop)
    assert ran == ["first"]


def test_cancelled_timers_are_dropped(new_loop):
    loop, kept = new_loop(), []
    for number in range(1000):
        handle = loop.call_later(1000 + number, nothing)
        if number % 10:
            handle.cancel()
        else:
            kept.append(handle)
    run_turns(loop)
    assert len(loop._scheduled) < 500
    assert all(handle in loop._scheduled for handle in kept)


def test_cancelling_twice_counts_once(new_loop):
    loop, ran = new_loop(), []
    handles = [loop.call_later(0.001, ran.append, number) for number in range(200)]
    for handle in handles[:150]:
        handle.cancel()
        handle.cancel()
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert sorted(ran) == list(range(150, 200))
    for handle in handles:
        handle.cancel()


@pytest.mark.slow
@pytest.mark.loop_kinds("ferraio")
def test_a_million_timers(new_loop_with_clock):
    loop, clock = new_loop_with_clock()
    number = 1_000_000
    ran = itertools.count()
    handles = [loop.call_at(clock[0] + place * 7919 % number, ran.__next__) for place in range(number)]
    for handle in handles[::2]:
        handle.cancel()
    clock[0] += number
    run_turns(loop)
    assert next(ran) == number // 2
    assert not loop._scheduled


# Threads.


def test_what_one_thread_posts_keeps_its_order(run):
    async def main():
        loop = asyncio.get_running_loop()
        ran, done = [], loop.create_future()
        threads, posts = 4, 1000
        left = itertools.count(threads * posts - 1, -1)

        def note(thread, number):
            ran.append((thread, number))
            if next(left) == 0:
                done.set_result(None)

        def post(thread):
            for number in range(posts):
                loop.call_soon_threadsafe(note, thread, number)

        started = [threading.Thread(target=post, args=[thread]) for thread in range(threads)]
        for thread in started:
            thread.start()
        await done
        for thread in started:
            thread.join()
        for thread in range(threads):
            assert [number for who, number in ran if who == thread] == list(range(posts))

    run(main)


def test_a_post_ends_the_wait_of_the_loop(new_loop):
    loop = new_loop()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=[loop.stop])
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()


def test_posts_before_the_loop_runs_are_not_lost(new_loop):
    loop, ran = new_loop(), []
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=[ran.append, "posted"])
    thread.start()
    thread.join()
    loop.call_soon_threadsafe(ran.append, "of this thread")
    run_turns(loop)
    assert ran == ["posted", "of this thread"]


def test_the_own_thread_keeps_its_order_when_it_posts(new_loop):
    loop, ran = new_loop(), []

    def both():
        loop.call_soon(ran.append, 1)
        loop.call_soon_threadsafe(ran.append, 2)
        loop.call_soon(ran.append, 3)

    loop.call_soon(both)
    run_turns(loop)
    run_turns(loop)
    assert ran == [1, 2, 3]


def test_a_posted_handle_can_be_cancelled(run):
    async def main():
        loop = asyncio.get_running_loop()
        ran, done = [], loop.create_future()

        def post():
            loop.call_soon_threadsafe(ran.append, "cancelled").cancel()
            loop.call_soon_threadsafe(done.set_result, None)

        thread = threading.Thread(target=post)
        thread.start()
        thread.join()  # so that the loop sees neither before both are there
        await done
        assert ran == []

    run(main)


def test_run_coroutine_threadsafe(run):
    async def main():
        loop = asyncio.get_running_loop()

        async def add(a, b):
            await asyncio.sleep(0)
            if b is None:
                raise LookupError("nothing to add")
            return a + b

        def call(a, b):
            return asyncio.run_coroutine_threadsafe(add(a, b), loop).result()

        assert await asyncio.to_thread(call, 1, 2) == 3
        with pytest.raises(LookupError, match="nothing to add"):
            await asyncio.to_thread(call, 1, None)

    run(main)


# Contexts and arguments.


def test_a_callback_runs_in_a_copy_of_the_context_it_was_scheduled_in(new_loop):
    loop, seen = new_loop(), []
    variable = contextvars.ContextVar("variable", default="default")

    def callback():
        seen.append(variable.get())
        variable.set("changed in the callback")

    variable.set("when scheduled")
    handles = [loop.call_soon(callback), loop.call_later(0, callback), loop.call_soon_threadsafe(callback)]
    variable.set("later")
    contexts = [handle.get_context() for handle in handles] if hasattr(asyncio.Handle, "get_context") else []
    run_turns(loop)
    assert seen == ["when scheduled"] * 3
    assert variable.get() == "later"
    assert all(context[variable] == "changed in the callback" for context in contexts)


def test_a_callback_runs_in_the_context_it_is_given(new_loop):
    loop = new_loop()
    variable = contextvars.ContextVar("variable")
    context = contextvars.Context()
    handles = [
        loop.call_soon(variable.set, 1, context=context),
        loop.call_later(0, variable.set, 2, context=context),
        loop.call_at(loop.time(), variable.set, 3, context=context),
    ]
    assert all(handle._context is context for handle in handles)
    run_turns(loop)
    assert context[variable] == 3
    assert variable not in contextvars.copy_context()


def test_a_callback_that_changes_its_context_changes_nobody_elses(new_loop):
    loop, seen, kept = new_loop(), [], []
    variable = contextvars.ContextVar("variable", default="default")

    def callback(value):
        seen.append(variable.get())
        kept.append(variable.set(value))
        loop.call_soon(lambda: seen.append(variable.get()))

    def callback_that_schedules():
        seen.append(variable.get())
        loop.call_soon(callback, "third")

    loop.call_soon(callback, "first")
    loop.call_soon(callback, "second")
    loop.call_soon(callback_that_schedules)
    run_turns(loop, 3)
    assert seen == ["default"] * 3 + ["first", "second", "default", "third"]
    assert [token.old_value for token in kept] == [contextvars.Token.MISSING] * 3
    with pytest.raises(ValueError, match="different Context"):
        variable.reset(kept[0])


def test_the_context_of_a_handle_is_the_one_its_callback_runs_in(new_loop):
    loop, seen = new_loop(), []
    variable = contextvars.ContextVar("variable", default="default")

    def callback():
        seen.append(variable.get())
        variable.set("in the callback")
        seen.append(handles[0]._context[variable])

    for schedule in (loop.call_soon, lambda *arguments: loop.call_later(0, *arguments)):
        handles = [schedule(callback)]
        context = handles[0]._context
        assert handles[0]._context is context and variable not in context
        context.run(variable.set, "from outside")
        run_turns(loop)
        assert context[variable] == "in the callback"
        handles = [schedule(callback)]
        run_turns(loop)
    assert seen == ["from outside", "in the callback", "default", "in the callback"] * 2


def test_what_a_callback_sets_is_gone_when_it_has_run(new_loop):
    class Value:
        pass

    loop, references = new_loop(), []
    variable = contextvars.ContextVar("variable")

    def callback():
        value = Value()
        references.append(weakref.ref(value))
        variable.set(value)
        loop.call_soon(lambda: references.append(weakref.ref(variable.get())))

    loop.call_soon(callback)
    run_turns(loop)
    assert references[0]() is not None, "the second callback will want it"
    run_turns(loop)
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize("count", range(5))
def test_arguments_arrive(new_loop, count):
    loop, seen = new_loop(), []
    for schedule in (loop.call_soon, loop.call_soon_threadsafe):
        schedule(lambda *arguments: seen.append(arguments), *range(count))
    loop.call_later(0, lambda *arguments: seen.append(arguments), *range(count))
    run_turns(loop)
    assert seen == [tuple(range(count))] * 3


# What is refused.


def test_a_closed_loop_schedules_nothing(new_loop):
    loop = new_loop()
    loop.close()

    async def coroutine():
        pass

    coro = coroutine()
    for schedule in (
        lambda: loop.call_soon(nothing),
        lambda: loop.call_soon_threadsafe(nothing),
        lambda: loop.call_later(1, nothing),
        lambda: loop.call_at(1, nothing),
        lambda: loop.create_task(coro),
        lambda: loop.run_forever(),
        lambda: loop.run_until_complete(coro),
        lambda: loop.run_in_executor(None, nothing),
        lambda: loop.add_reader(0, nothing),
        lambda: loop.add_signal_handler(10, nothing),
    ):
        with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
            schedule()
    coro.close()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("call_later", (None, nothing), "delay must not be None"),
        ("call_at", (None, nothing), "when cannot be None"),
    ],
)
def test_no_time_is_refused(new_loop, name, arguments, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        getattr(new_loop(), name)(*arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("call_soon", (), {}),
        ("call_soon_threadsafe", (), {}),
        ("call_later", (), {}),
        ("call_later", (1,), {}),
        ("call_later", ("soon", nothing), {}),
        ("call_at", (), {}),
        ("call_at", (1,), {}),
        ("call_soon", (nothing,), {"unknown": 1}),
        ("call_later", (1, nothing), {"unknown": 1}),
        ("create_future", (1,), {}),
        ("create_task", (), {}),
        ("create_task", (7,), {}),
        ("create_task", (nothing,), {}),
        ("run_until_complete", (7,), {}),
        ("set_exception_handler", (7,), {}),
        ("set_task_factory", (7,), {}),
    ],
)
def test_wrong_arguments_are_a_type_error(new_loop, name, arguments, keywords):
    with pytest.raises(TypeError):
        getattr(new_loop(), name)(*arguments, **keywords)


def test_what_cannot_be_called_is_reported_when_it_runs(new_loop):
    loop, reports = new_loop(), []
    loop.set_debug(False)  # debug mode refuses them at once
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop.call_soon(7)
    loop.call_later(0, "text", 1)
    run_turns(loop)
    assert [type(report["exception"]) for report in reports] == [TypeError, TypeError]


def test_a_context_that_is_none_fails_when_it_runs_or_at_once(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    try:
        loop.call_soon(nothing, context="no context")
    except TypeError:
        return
    try:
        run_turns(loop)
    except (TypeError, AttributeError):
        return
    assert reports


# Debug mode.


@pytest.fixture
def debug_loop(new_loop):
    loop = new_loop()
    loop.set_debug(True)
    return loop


@pytest.mark.parametrize(
    ("name", "before"), [("call_soon", ()), ("call_soon_threadsafe", ()), ("call_later", (1,)), ("call_at", (1,))]
)
def test_debug_mode_refuses_coroutines_and_what_cannot_be_called(debug_loop, name, before):
    async def coroutine():
        pass

    # asyncio's call_later hands on to call_at, which is the one that looks
    schedule = getattr(debug_loop, name)
    coro = coroutine()
    with pytest.raises(TypeError, match=r"^coroutines cannot be used with call_\w+\(\)$"):
        schedule(*before, coro)
    coro.close()
    with pytest.raises(TypeError, match="coroutines cannot be used with"):
        schedule(*before, coroutine)
    with pytest.raises(TypeError, match=r"^a callable object was expected by call_\w+\(\), got 'text'$"):
        schedule(*before, "text")


@pytest.mark.parametrize(("name", "before"), [("call_soon", ()), ("call_later", (1,)), ("call_at", (1,))])
def test_debug_mode_refuses_other_threads(debug_loop, name, before):
    errors = []

    def schedule():
        try:
            getattr(debug_loop, name)(*before, nothing)
        except RuntimeError as error:
            errors.append(str(error))

    async def main():
        thread = threading.Thread(target=schedule)
        thread.start()
        thread.join()

    debug_loop.run_until_complete(main())
    assert errors == ["Non-thread-safe operation invoked on an event loop other than the current one"]


def test_debug_mode_lets_other_threads_post(debug_loop):
    thread = threading.Thread(target=debug_loop.call_soon_threadsafe, args=[debug_loop.stop])
    debug_loop.call_soon(thread.start)
    debug_loop.run_forever()
    thread.join()


def test_debug_mode_remembers_where_a_handle_was_made(debug_loop):
    handles = [debug_loop.call_soon(nothing), debug_loop.call_later(0, nothing)]
    for handle in handles:
        frame = handle._source_traceback[-1]
        assert (frame.name, frame.filename) == ("test_debug_mode_remembers_where_a_handle_was_made", __file__)
        assert f"created at {__file__}:{frame.lineno}>" in repr(handle)


def test_slow_callbacks_are_logged_in_debug_mode(debug_loop, caplog):
    debug_loop.slow_callback_duration = 0

    async def slow_task():
        pass

    caplog.set_level(logging.WARNING, "asyncio")
    debug_loop.call_soon(nothing, "an argument")
    task = debug_loop.create_task(slow_task(), name="the slow one")
    debug_loop.run_until_complete(task)
    messages = [record.getMessage() for record in caplog.records]
    assert any(
        message.startswith("Executing <Handle nothing('an argument') at ") and " took 0.0" in message
        for message in messages
    )
    assert any(
        message.startswith("Executing <Task finished name='the slow one' coro=<") and message.endswith(" seconds")
        for message in messages
    )


def test_nothing_is_logged_without_debug_mode(new_loop, caplog):
    loop = new_loop()
    loop.set_debug(False)
    loop.slow_callback_duration = 0
    caplog.set_level(logging.DEBUG, "asyncio")
    loop.call_soon(nothing)
    run_turns(loop)
    assert [record.getMessage() for record in caplog.records if "Executing" in record.getMessage()] == []


def test_debug_mode_of_a_watched_fd(debug_loop, caplog):
    debug_loop.slow_callback_duration = 0
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.send(b"x")
        caplog.set_level(logging.WARNING, "asyncio")
        debug_loop.add_reader(reader, debug_loop.stop)
        debug_loop.run_forever()
        debug_loop.remove_reader(reader)
    assert any("stop()" in record.getMessage() for record in caplog.records)
