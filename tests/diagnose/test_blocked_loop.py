"""FER002: a blocked loop is reported while it is blocked, with line, cause and who waits."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import ferraio
import pytest
from ferraio import _ferraio
from ferraio.diagnose import blocked_loop, reporter
from ferraio.diagnose.blocking_call import Frame, frames_of_step

from . import blocking_calls
from .blocking_calls import CALLS, Released

pytestmark = pytest.mark.loop_kinds("ferraio")

INTERRUPTIBLE = [name for name, call in CALLS.items() if call.interruptible]
OTHERS = [name for name, call in CALLS.items() if not call.interruptible]


@pytest.fixture
def released(diagnosing):
    """Ends each block as soon as it is reported; returns the findings. One that is not reported fails the test."""
    found = diagnosing("log,slow=0.05")
    loop_thread = threading.get_ident()

    def release(finding):
        if blocking_calls.releases:
            blocking_calls.releases.pop()()
        elif not finding.message.endswith("in all"):
            signal.pthread_kill(loop_thread, signal.SIGUSR1)

    def raise_released(*_):
        raise Released

    def give_up(*_):
        raise AssertionError("the block was not reported")

    before = [signal.signal(signal.SIGUSR1, raise_released), signal.signal(signal.SIGALRM, give_up)]
    signal.alarm(60)
    reporter.observers.append(release)
    yield found
    reporter.observers.remove(release)
    signal.alarm(0)
    signal.signal(signal.SIGUSR1, before[0])
    signal.signal(signal.SIGALRM, before[1])


def check(finding, name):
    call = CALLS[name]
    assert (finding.code, finding.place.filename, finding.place.line) == ("FER002", blocking_calls.__file__, call.line)
    assert f": {call.cause} for " in finding.message
    assert finding.task == "the one"


@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_the_report_comes_during_the_block_which_ends_by_it(released, run, name):
    async def main():
        with pytest.raises(Released):
            await asyncio.create_task(CALLS[name].function(), name="the one")

    with contextlib.suppress(Released):  # it ends the loop as well
        run(main)
    [finding] = released
    check(finding, name)


@pytest.mark.parametrize("name", OTHERS)
def test_the_report_of_what_cannot_be_interrupted_comes_before_its_end(diagnosing, run, name):
    found = diagnosing("log,slow=0.02")
    reporter.observers.append(lambda _: blocking_calls.releases and blocking_calls.releases.pop()())

    async def step():
        await CALLS[name].function()
        return list(found)

    async def main():
        return await asyncio.create_task(step(), name="the one")

    try:
        reported_before_the_end = run(main)
    finally:
        reporter.observers.pop()
    check(reported_before_the_end[0], name)


def test_the_lines_that_led_to_the_call_are_told_up_to_the_coroutine(released, run):
    def innermost():
        time.sleep(blocking_calls.FOREVER)

    async def inner():
        innermost()

    async def main():
        await inner()

    with pytest.raises(Released):
        run(main)
    [finding] = released
    assert finding.place.function.endswith("innermost")
    assert [place.function.rpartition(".")[2] for place, _ in finding.related] == ["inner", "main"]
    assert "by time.sleep(blocking_calls.FOREVER)" in finding.message
    assert finding.help == "use an async library for this, or write `await asyncio.to_thread(innermost)`"


def test_the_place_is_the_programs_own_line_however_deep_the_library(released, run):
    async def main():
        await asyncio.create_task(CALLS["urlopen"].function(), name="the one")

    with pytest.raises(Released):
        run(main)
    [finding] = released
    check(finding, "urlopen")
    assert any("socket.py" in note for note in finding.notes)


def test_who_waits_is_counted(released, run):
    async def main():
        others = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
        await asyncio.sleep(0)
        time.sleep(blocking_calls.FOREVER)
        await asyncio.gather(*others)

    with pytest.raises(Released):
        run(main)
    assert any(note.startswith("3 other tasks of this loop") for note in released[0].notes)


def test_a_callback_blocks_as_well_as_a_task(released, new_loop):
    def callback():
        with pytest.raises(Released):
            time.sleep(blocking_calls.FOREVER)
        loop.stop()

    loop = new_loop()
    loop.call_soon(callback)
    loop.run_forever()
    [finding] = released
    assert finding.task is None
    assert finding.place.function.endswith("callback")


def test_a_step_in_the_middle_of_a_long_turn_is_told(released, run):
    def compute():
        end = time.thread_time() + 0.012
        while time.thread_time() < end:
            pass

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(3):
            loop.call_soon(compute)
        blocking = asyncio.create_task(CALLS["time_sleep"].function(), name="the one")
        for _ in range(3):
            loop.call_soon(compute)
        with pytest.raises(Released):
            await blocking

    with contextlib.suppress(Released):  # it ends the loop as well
        run(main)
    check(released[0], "time_sleep")


def test_debug_mode_changes_nothing(released, run):
    async def main():
        time.sleep(blocking_calls.FOREVER)

    with pytest.raises(Released):
        run(main, debug=True)
    [finding] = released
    assert finding.place.filename == __file__


def test_each_of_several_loops_in_several_threads_is_watched(diagnosing):
    found = diagnosing("log,slow=0.05")
    ends = threading.Event()
    all_there = threading.Barrier(3)

    def release(_):
        if len(found) == 3:
            ends.set()

    async def main():
        all_there.wait()
        ends.wait()

    reporter.observers.append(release)
    threads = [threading.Thread(target=ferraio.run, args=(main(),), kwargs={"install": False}) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        reporter.observers.remove(release)
    assert [finding.place.filename for finding in found] == [__file__] * 3


def test_a_loop_that_waits_for_events_is_not_blocked(diagnosing, run):
    found = diagnosing("log,slow=0.01")

    async def main():
        await asyncio.sleep(0.2)
        await asyncio.to_thread(time.sleep, 0.1)

    run(main)
    assert found == []


def test_a_loop_is_watched_again_after_it_has_rested_for_long(released, run):
    async def main():
        await asyncio.sleep(0.3)
        time.sleep(blocking_calls.FOREVER)

    with pytest.raises(Released):
        run(main)
    assert len(released) == 1


def test_nothing_is_reported_once_diagnosing_is_off(diagnosing, run):
    found = diagnosing("log,slow=0.01")
    blocked_loop.stop()

    async def main():
        time.sleep(0.1)

    run(main)
    assert found == []


def test_the_programs_own_threads_are_all_that_it_sees(diagnosing, run):
    before = threading.active_count()
    diagnosing("hint")

    async def main():
        assert threading.active_count() == before

    run(main)


def test_in_hint_mode_the_end_tells_the_whole_time(diagnosing, run, capsys):
    diagnosing("hint,slow=0.01,format=concise")

    async def main():
        time.sleep(0.2)

    run(main)
    blocked_loop.stop()
    begin, end = capsys.readouterr().err.splitlines()
    assert "FER002 the event loop is blocked by time.sleep(0.2): sleeping for" in begin
    assert "FER002 the step that blocked the event loop here, sleeping, took 0." in end


def test_another_call_that_blocks_the_same_step_is_told_too(diagnosing, run):
    found = diagnosing("log,slow=0.02")
    ends = [threading.Event(), threading.Event()]
    reporter.observers.append(lambda _: ends[len(found) - 1].set())

    async def main():
        ends[0].wait()
        ends[1].wait()

    run(main)
    reporter.observers.pop()
    first, second = found
    assert second.place.line == first.place.line + 1
    assert "the event loop is still blocked, now by ends[1].wait(): waiting for a lock" in second.message
    assert (first.place, "the same step was blocked here before") in second.related


def test_a_block_at_the_same_place_is_told_once_and_counted(diagnosing, run, capsys):
    diagnosing("hint,slow=0.01,format=concise")

    async def main():
        for _ in range(3):
            time.sleep(0.1)
            await asyncio.sleep(0)

    run(main)
    blocked_loop.stop()
    assert capsys.readouterr().err.count("is blocked by") == 1
    assert reporter.counts() == {"FER002": 3}


def test_a_fork_of_a_watched_loop_disturbs_neither_parent_nor_child(released, run):
    async def main():
        child = os.fork()
        if child == 0:
            os._exit(0 if threading.active_count() == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        await asyncio.sleep(0)  # where the watchdog comes back
        time.sleep(blocking_calls.FOREVER)

    with pytest.raises(Released):
        run(main)
    assert len(released) == 1


def test_a_child_watches_loops_of_its_own(diagnosing):
    found = diagnosing("log,slow=0.05")

    async def main():
        ends = threading.Event()
        reporter.observers.append(lambda _: ends.set())
        ends.wait()

    child = os.fork()
    if child == 0:
        signal.alarm(60)
        with contextlib.suppress(BaseException):
            ferraio.run(main(), install=False)
            os._exit(len(found))
        os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


# Stacks read from memory.


def stack_as_read_and_as_python_has_it():
    return [Frame.read(frame) for frame in _ferraio._stack()], frames_of_step(sys._getframe())


def check_stack(read, known, depth):
    """The innermost frame is at one call for the one and at another for the other."""
    assert len(read) == len(known) == depth
    assert read[0].place.line == known[0].place.line
    assert read[1:] == known[1:]


def test_a_stack_read_from_memory_is_the_one_that_python_has(run):
    stacks = []

    def note():
        stacks.append(stack_as_read_and_as_python_has_it())

    async def in_a_key():
        sorted([1], key=lambda _: note())

    async def asynchronous_generator():
        yield [each for each in [await in_a_key()]]

    class Ω:
        def ünï(self):
            note(
            )  # fmt: skip

    async def main():
        async for _ in asynchronous_generator():
            pass
        Ω().ünï()
        exec(compile("note()", "<日本 🐍>", "exec"), {"note": note})
        asyncio.get_running_loop().call_soon(note)
        await asyncio.sleep(0)

    run(main, debug=False)
    first, second, third, fourth = stacks
    check_stack(*first, depth=6)
    check_stack(*second, depth=4)
    check_stack(*third, depth=4)
    check_stack(*fourth, depth=2)
    assert [frame.is_async for frame in first[0]] == [False, False, False, True, True, True]
    assert third[0][2].place.filename == "<日本 🐍>"


def test_of_a_very_deep_stack_the_upper_part_is_read(run):
    def deeper(levels):
        return stack_as_read_and_as_python_has_it() if levels == 0 else deeper(levels - 1)

    async def main():
        return deeper(700)

    read, known = run(main)
    assert 100 < len(read) < len(known)
    assert read[1:] == known[1 : len(read)]


def test_frames_are_where_rust_looks_for_them():
    assert blocked_loop._reads_stacks()


# What holds the interpreter: the watchdog has to tell it without any Python code. In processes of their own.


@pytest.fixture
def start_program(tmp_path):
    """Starts a program with hints on whose stdin and stderr are pipes; it is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(text, settings="hint,slow=0.05,format=concise"):
            path = tmp_path / "program.py"
            path.write_text(f"import asyncio, ctypes, json, os, re, sys, time\n\n{textwrap.dedent(text).lstrip()}")
            process = subprocess.Popen(
                [sys.executable, "-m", "ferraio", "run", "program.py"],
                cwd=tmp_path,
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"FERRAIO": settings},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def test_a_call_in_the_kernel_that_holds_the_interpreter_is_told_meanwhile_and_not_disturbed(start_program):
    process = start_program("""
        async def main():
            read = ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(1), 1)
            print(f"read {read}", file=sys.stderr)

        asyncio.run(main())
        """)
    told = process.stderr.readline()
    assert told.startswith("program.py:4:12: FER002 the event loop is blocked: reading from a pipe for ")
    process.stdin.write("x")
    process.stdin.flush()
    assert "read 1\n" in process.stderr.readlines()
    assert process.wait() == 0


def test_where_the_kernel_has_no_timer_left_for_the_loop_it_is_watched_all_the_same(start_program):
    process = start_program("""
        import resource

        async def main():
            sys.stdin.read(1)

        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
        asyncio.run(main())
        """)
    told = process.stderr.readline()
    assert told.startswith("program.py:6:5: FER002 the event loop is blocked by sys.stdin.read(1): reading from a pipe")
    process.stdin.close()
    assert process.wait() == 0


def test_a_slow_regular_expression_is_told_meanwhile(start_program):
    process = start_program("""
        async def main():
            re.match("(a+)+$", "a" * 100 + "b")

        asyncio.run(main())
        """)
    told = process.stderr.readline()
    assert told.startswith("program.py:4:5: FER002 the event loop is blocked by re.match(")
    assert ": computing for " in told


def test_a_call_that_a_signal_would_end_is_told_meanwhile_and_not_disturbed(start_program):
    process = start_program("""
        async def main():
            stdin = (ctypes.c_byte * 8)(0, 0, 0, 0, 1)
            ended = ctypes.PyDLL(None).poll(stdin, 1, -1)
            print(f"ended with {ended}", file=sys.stderr)

        asyncio.run(main())
        """)
    told = process.stderr.readline()
    assert told.startswith("program.py:5:13: FER002 the event loop is blocked: waiting for a file or socket for ")
    process.stdin.write("x")
    process.stdin.flush()
    assert "ended with 1\n" in process.stderr.readlines()
    assert process.wait() == 0


@pytest.mark.parametrize("form", ["full", "concise", "json"])
def test_what_is_told_without_python_looks_as_ever(start_program, form):
    process = start_program(
        """
        def parse():
            ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(1), 1)

        async def main():
            parse()

        asyncio.run(main())
        """,
        f"hint,slow=0.05,format={form}",
    )
    told = process.stderr.readline()
    process.stdin.close()
    told += process.stderr.read()
    assert process.wait() == 0
    assert told.count("the event loop is blocked") == 1
    if form == "json":
        finding = json.loads(told.splitlines()[0])
        assert (finding["code"], finding["filename"], finding["location"]["row"]) == ("FER002", "program.py", 4)
    if form == "full":
        assert "ctypes.PyDLL(None).read(0" in told
        assert "called here" in told


def test_a_process_ends_at_once_while_a_loop_is_blocked_in_another_thread(start_program):
    process = start_program("""
        import threading

        def run():
            asyncio.run(main())

        async def main():
            time.sleep(1000)

        threading.Thread(target=run, daemon=True).start()
        sys.stdin.read(1)
        """)
    assert "FER002" in process.stderr.readline()
    process.stdin.write("x")
    process.stdin.flush()
    assert process.wait() == 0


def test_a_closed_stderr_is_no_trouble(start_program):
    process = start_program("""
        async def main():
            os.close(2)
            time.sleep(0.2)
            ctypes.PyDLL(None).poll(None, 0, 200)
            os.write(1, b"fine")

        asyncio.run(main())
        """)
    assert process.wait() == 0


def test_other_threads_that_compute_do_not_block_the_loop(start_program):
    """The step waits for the interpreter again and again, and does next to nothing itself."""
    process = start_program("""
        import threading

        def compute():
            while not ended:
                pass

        async def main():
            for _ in range(50):
                time.sleep(0)

        ended = False
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        asyncio.run(main())
        ended = True
        """)
    assert [line for line in process.stderr.readlines() if "FER002" in line] == []
