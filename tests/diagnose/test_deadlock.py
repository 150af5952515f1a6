"""FER007 beyond the corpus in `tests/mistakes`: what is certain and what is not, the end of a run, bad input."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading

import pytest
from ferraio.diagnose import outside
from ferraio.diagnose.observer import Deadlock
from ferraio.diagnose.outside import Outside

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


async def wait_for_ever():
    await asyncio.Event().wait()


def of_deadlocks(found):
    return [finding for finding in found if finding.code == "FER007"]


def test_strict_mode_ends_the_run_and_cancels_the_tasks(diagnosing, run):
    found = diagnosing("strict")
    ended = []

    async def main():
        try:
            await wait_for_ever()
        finally:
            ended.append("cleaned up")

    with pytest.raises(Deadlock, match="waits for the Event, which nobody sets"):
        run(main)
    assert ended == ["cleaned up"]
    assert len(of_deadlocks(found)) == 1


def test_a_deadlock_that_is_ignored_ends_nothing(diagnosing, new_loop):
    found = diagnosing("strict,ignore=FER007")
    loop = new_loop()
    waker = threading.Timer(0.1, loop.call_soon_threadsafe, (loop.stop,))
    loop.create_task(wait_for_ever(), name="waits")
    waker.start()
    loop.run_forever()
    waker.join()
    assert of_deadlocks(found) == []


def test_a_loop_without_tasks_may_wait_for_ever(diagnosing, new_loop):
    found = diagnosing("strict")
    loop = new_loop()
    # Nothing but the signal ends the wait; a handler of the program is the only thing there is.
    loop.add_signal_handler(signal.SIGALRM, loop.stop)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    loop.run_forever()
    assert of_deadlocks(found) == []


def test_a_signal_handler_of_the_program_may_help(diagnosing, run):
    found = diagnosing("strict")
    before = signal.getsignal(signal.SIGALRM)

    async def main():
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        signal.signal(signal.SIGALRM, lambda *_: loop.call_soon_threadsafe(event.set))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        await event.wait()

    try:
        run(main)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert of_deadlocks(found) == []


def test_another_thread_may_help(diagnosing, run):
    found = diagnosing("strict")

    async def main():
        future = asyncio.get_running_loop().create_future()
        helper = threading.Timer(0.05, asyncio.get_running_loop().call_soon_threadsafe, (future.set_result, 1))
        helper.start()
        return await future

    assert run(main) == 1
    assert of_deadlocks(found) == []


def test_threads_of_an_executor_help_only_while_they_work(diagnosing, run):
    found = diagnosing("strict")

    async def main():
        gate = threading.Event()
        working = asyncio.create_task(asyncio.to_thread(gate.wait))
        await asyncio.sleep(0.01)
        assert outside.look() is Outside.PYTHON
        gate.set()
        await working
        await wait_for_ever()

    with pytest.raises(Deadlock):
        run(main)
    assert len(of_deadlocks(found)) == 1


def test_a_thread_that_works_is_seen():
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    try:
        assert outside.look() is Outside.PYTHON
    finally:
        gate.set()
        thread.join()


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted on Linux")
def test_a_thread_that_python_does_not_know_makes_nothing_certain():
    sleep = ctypes.CDLL(None).usleep
    sleep.argtypes = [ctypes.c_uint]
    assert outside.look() is Outside.NOTHING
    # pthread_create(usleep): native code alone, as in a library.
    library, thread = ctypes.CDLL(None), ctypes.c_ulong()
    library.pthread_create(ctypes.byref(thread), None, sleep, ctypes.c_void_p(300_000))
    assert outside.look() is Outside.UNKNOWN_THREADS
    library.pthread_join(thread, None)


def test_with_unknown_threads_it_is_suspected(diagnosing, run, monkeypatch):
    found = diagnosing("strict,deadlock=0.1")
    monkeypatch.setattr(outside, "_has_unknown_threads", lambda: True)

    async def main():
        waiting = asyncio.create_task(wait_for_ever())
        loop = asyncio.get_running_loop()
        # The thread of the timer plays that of a library.
        monkeypatch.setattr(outside, "_other_threads_are_idle", lambda: True)
        helper = threading.Timer(0.5, loop.call_soon_threadsafe, (waiting.cancel,))
        helper.start()
        await asyncio.wait([waiting])

    run(main)
    assert ["suspected" in finding.message for finding in of_deadlocks(found)] == [True]


def test_a_thread_that_was_just_started_puts_it_off_for_a_moment_only(diagnosing, run, monkeypatch):
    diagnosing("strict,deadlock=3600")
    # Until a thread of ours has its name, it could be anybody's.
    answers = iter([True])
    monkeypatch.setattr(outside, "_has_unknown_threads", lambda: next(answers, False))
    with pytest.raises(Deadlock):
        run(wait_for_ever)


@pytest.mark.loop_kinds("installed")
def test_a_long_circle_is_not_told_in_full(diagnosing, run):
    found = diagnosing("strict")

    async def hold(mine, others):
        async with mine:
            await asyncio.sleep(0)
            async with others:
                pass

    async def main():
        locks = [asyncio.Lock() for _ in range(100)]
        await asyncio.gather(*(hold(lock, locks[index - 1]) for index, lock in enumerate(locks)))

    with pytest.raises(Deadlock):
        run(main)
    (finding,) = of_deadlocks(found)
    assert "and so on through 100 tasks; 1 other task waits too" in finding.message
    assert finding.help == "take the locks in the same order everywhere"
    assert len(finding.related) < 50


def test_a_future_that_a_library_may_hold_is_not_suspected(diagnosing, run, monkeypatch):
    found = diagnosing("strict,deadlock=0.1")
    monkeypatch.setattr(outside, "_has_unknown_threads", lambda: True)
    monkeypatch.setattr(outside, "_other_threads_are_idle", lambda: True)

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        threading.Timer(0.4, loop.call_soon_threadsafe, (future.set_result, None)).start()
        await future

    run(main)
    assert of_deadlocks(found) == []


def test_a_lock_that_somebody_works_under_is_not_suspected(diagnosing, run):
    found = diagnosing("hint,deadlock=0.1")

    async def main():
        lock = asyncio.Lock()

        async def work(seconds):
            async with lock:
                await asyncio.sleep(seconds)

        await asyncio.gather(work(0.5), work(0))

    run(main)
    assert of_deadlocks(found) == []


def test_each_deadlock_is_told_as_such_and_at_once(diagnosing, run):
    found = diagnosing("strict,deadlock=3600")
    for _ in range(3):
        with pytest.raises(Deadlock):
            run(wait_for_ever)
    assert [finding.message.startswith("deadlock: ") for finding in of_deadlocks(found)] == [True] * 3


def test_source_that_is_nowhere_is_no_obstacle(diagnosing, run):
    found = diagnosing("strict")
    names = {}
    exec(compile("import asyncio\nasync def main():\n    await asyncio.Event().wait()\n", "<made up>", "exec"), names)
    with pytest.raises(Deadlock):
        run(names["main"])
    assert str(of_deadlocks(found)[0].place) == "<made up>:3:5"


def test_many_tasks_are_counted_and_not_listed(diagnosing, run):
    found = diagnosing("strict")

    async def main():
        event = asyncio.Event()
        await asyncio.gather(*(event.wait() for _ in range(500)))

    with pytest.raises(Deadlock):
        run(main)
    (finding,) = of_deadlocks(found)
    assert "499 other tasks wait too" in finding.message
    assert any("not shown" in note for note in finding.notes)


def test_names_and_reprs_of_the_program_are_not_trusted(diagnosing, run):
    found = diagnosing("strict")

    class Odd(asyncio.Event):
        def __repr__(self):
            raise ValueError("no repr")

    async def main():
        asyncio.current_task().set_name("line\nbreak")
        await Odd().wait()

    with pytest.raises(Deadlock):
        run(main)
    assert len(of_deadlocks(found)) == 1


def test_a_child_process_has_deadlocks_of_its_own(diagnosing, run):
    diagnosing("strict")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(wait_for_ever)
        except Deadlock:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("option", ["faulthandler", "dev"])
def test_handlers_of_crashes_wake_nobody(option):
    # They are written in C, so that `signal.getsignal` says of them only that they are not Python's.
    program = "import asyncio, ferraio\nasync def main():\n    await asyncio.Event().wait()\nferraio.run(main())"
    outcome = subprocess.run(
        [sys.executable, "-X", option, "-c", program],
        env=os.environ | {"FERRAIO": "strict,deadlock=3600"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 1
    assert "Deadlock: " in outcome.stderr.splitlines()[-1]


def test_a_loop_in_another_thread_waits_for_the_main_thread(diagnosing, new_loop):
    found = diagnosing("strict")
    loop = new_loop()
    loop.create_task(wait_for_ever())._log_destroy_pending = False
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    assert of_deadlocks(found) == []
