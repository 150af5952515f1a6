"""Handle and TimerHandle: comparing, hashing, representing, running by hand, cancelling."""

import asyncio
import functools
import inspect
import sys
import weakref

import pytest
from turns import run_turns


def nothing(*_):
    pass


def line_of(function):
    return f"{__file__}:{inspect.getsourcelines(function)[1]}"


def test_the_repr_of_a_handle(new_loop):
    loop = new_loop()
    loop.set_debug(False)
    assert repr(loop.call_soon(nothing)) == f"<Handle nothing() at {line_of(nothing)}>"
    partial = loop.call_soon(functools.partial(nothing, 1))
    assert repr(partial).startswith("<Handle nothing(") and line_of(nothing) in repr(partial)
    handle = loop.call_soon(nothing, 1, "two")
    arguments = "" if sys.version_info >= (3, 13) else "1, 'two'"
    assert repr(handle) == f"<Handle nothing({arguments}) at {line_of(nothing)}>"
    handle.cancel()
    assert repr(handle) == "<Handle cancelled>"


def test_the_repr_of_a_timer(new_loop):
    loop = new_loop()
    loop.set_debug(False)
    timer = loop.call_at(1234.5, nothing)
    assert repr(timer) == f"<TimerHandle when=1234.5 nothing() at {line_of(nothing)}>"
    timer.cancel()
    assert repr(timer) == "<TimerHandle cancelled when=1234.5>"


def test_the_repr_in_debug_mode_keeps_what_was_cancelled(new_loop):
    loop = new_loop()
    loop.set_debug(True)
    handle = loop.call_soon(nothing, 1)
    before = repr(handle)
    assert f"nothing(1) at {line_of(nothing)} created at {__file__}:" in before
    handle.cancel()
    assert repr(handle).startswith("<Handle cancelled nothing(1) at ")


def test_timers_are_compared_by_time(new_loop):
    loop = new_loop()
    early, late = loop.call_at(10, nothing), loop.call_at(20, nothing)
    assert early < late and late > early and early <= late and late >= early and early != late
    same = loop.call_at(10, nothing)
    assert early == same and early <= same and early >= same and not early < same and not early > same
    assert hash(early) == hash(same)
    other = loop.call_at(10, print)
    assert early != other and not early < other and not early <= other
    same.cancel()
    assert early != same
    assert early != 10
    with pytest.raises(TypeError):
        _ = early < 10
    assert sorted([late, early, same], key=lambda timer: timer.when())[0].when() == 10


def test_handles_are_equal_only_to_themselves(new_loop):
    loop = new_loop()
    first, second = loop.call_soon(nothing), loop.call_soon(nothing)
    assert first == first and first != second
    assert len({first, second, first}) == 2


def test_a_handle_can_be_run_by_hand(new_loop):
    loop, ran = new_loop(), []
    handle = loop.call_soon(ran.append, 1)
    handle._run()
    assert ran == [1]
    run_turns(loop)
    assert ran == [1, 1]


def test_running_a_handle_by_hand_reports_errors(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    handle = loop.call_soon(lambda: 1 / 0)
    handle._run()
    handle.cancel()
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    assert reports[0]["handle"] is handle


@pytest.mark.parametrize("schedule", ["call_soon", "call_later", "call_soon_threadsafe"])
def test_cancelling(new_loop, schedule):
    loop, ran = new_loop(), []
    arguments = [0] if schedule == "call_later" else []
    handle = getattr(loop, schedule)(*arguments, ran.append, 1)
    assert handle.cancel() is None
    assert handle.cancelled() is True
    assert handle.cancel() is None
    run_turns(loop)
    run_turns(loop)
    assert ran == []


def test_cancelling_itself_while_it_runs(new_loop):
    loop, ran = new_loop(), []

    def callback(argument):
        handle.cancel()
        ran.append(argument)

    handle = loop.call_soon(callback, "still there")
    run_turns(loop)
    assert ran == ["still there"]
    assert handle.cancelled()


def test_cancelling_after_it_has_run(new_loop):
    loop, ran = new_loop(), []
    handles = [loop.call_soon(ran.append, 1), loop.call_later(0, ran.append, 2)]
    run_turns(loop)
    for handle in handles:
        handle.cancel()
        assert handle.cancelled()
        assert repr(handle)
    run_turns(loop)
    assert ran == [1, 2]


def test_cancelling_after_the_loop_is_closed(new_loop):
    loop = new_loop()
    handles = [loop.call_soon(nothing), loop.call_later(1, nothing), loop.call_soon_threadsafe(nothing)]
    loop.close()
    for handle in handles:
        handle.cancel()
        assert handle.cancelled()
        assert repr(handle)


def test_a_timer_knows_whether_it_is_scheduled(new_loop):
    loop = new_loop()
    timer = loop.call_later(0, nothing)
    assert timer._scheduled is True
    run_turns(loop)
    assert timer._scheduled is False


def test_handles_of_asyncios_own_classes_are_run_too(new_loop):
    loop, ran = new_loop(), []
    loop._add_callback(asyncio.Handle(ran.append, (1,), loop))
    cancelled = asyncio.Handle(ran.append, ("cancelled",), loop)
    loop._add_callback(cancelled)
    cancelled.cancel()
    run_turns(loop)
    assert ran == [1]


@pytest.mark.loop_kinds("ferraio", "installed")
def test_handles_are_made_by_the_loop_only(new_loop):
    for handle in (new_loop().call_soon(nothing), new_loop().call_later(1, nothing)):
        with pytest.raises(TypeError):
            type(handle)()


def test_a_handle_is_whole_while_it_runs_for_whoever_refers_to_it_weakly(run):
    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        reference = weakref.ref(loop.call_soon(lambda: seen.append(repr(reference()))))
        await asyncio.sleep(0)
        assert len(seen) == 1
        assert seen[0].startswith("<Handle ")
        assert "lambda" in seen[0]

    run(main)


def test_a_callback_that_fails_is_named(run, problems):
    def fail(what):
        raise ValueError(what)

    async def main():
        problems.of_this_loop()
        asyncio.get_running_loop().call_soon(fail, "no number")
        await asyncio.sleep(0)

    run(main)
    (problem,) = problems
    assert problem["message"].startswith("Exception in callback ")
    assert "fail(" in problem["message"]
    assert str(problem["exception"]) == "no number"
