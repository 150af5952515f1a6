"""How soon a blocked loop is reported, and what watching costs: `python -m benches.blocking`.

1. Each blocking call of the tests (`tests/diagnose/blocking_calls.py`), and two that hold the interpreter: how long
   after the threshold the report came, the worst of some rounds. The step's own preparations count against us.
2. Steps that must not be reported: 100,000 short ones without a pause, and some on a machine that others keep busy.
3. The processor time of the two threads that watch, as a share of one core.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ferraio
from ferraio import diagnose
from ferraio.diagnose import reporter

from benches import machine

SLOW = 0.1
CALLS_FILE = Path(__file__).parent.parent / "tests" / "diagnose" / "blocking_calls.py"

#: Programs whose call holds the interpreter; they say when their step begins.
HOLDING = {
    "regular_expression": 're.match("(a+)+$", "a" * 100 + "b")',
    "read_holding_the_interpreter": "ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(1), 1)",
}
PROGRAM = """
import asyncio, ctypes, re, time

async def main():
    print(time.monotonic(), flush=True)
    {call}

asyncio.run(main())
"""


def load_calls():
    spec = importlib.util.spec_from_file_location("blocking_calls", CALLS_FILE)
    calls = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = calls
    spec.loader.exec_module(calls)
    return calls


def delay_of(calls, name: str) -> float:
    """Let a call block until it is reported; return the seconds between the threshold and the report."""
    reported = []
    main_thread = threading.get_ident()

    def release(finding):
        reported.append((time.monotonic(), finding.place.line))
        if calls.releases:
            calls.releases.pop()()
        elif calls.CALLS[name].interruptible:
            signal.pthread_kill(main_thread, signal.SIGUSR1)

    async def main():
        await asyncio.sleep(random.uniform(0.02, 0.04))
        began = time.monotonic()
        with contextlib.suppress(calls.Released):
            await calls.CALLS[name].function()
        return began

    diagnosis = diagnose.start(diagnose.parse(f"log,slow={SLOW}"))
    reporter.observers.append(release)
    try:
        began = ferraio.run(main())
    finally:
        reporter.observers.remove(release)
        diagnose.stop(diagnosis)
    when, line = reported[0]
    assert line == calls.CALLS[name].line, f"{name}: reported at line {line}"
    return when - began - SLOW


def delay_of_holding(call: str) -> float:
    """The same for a call that holds the interpreter, in a process of its own that writes the report on stderr."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(PROGRAM.format(call=call))
        program.flush()
        return _delay_of_program(program.name)


def _delay_of_program(path: str) -> float:
    command = [sys.executable, "-m", "ferraio", "run", path]
    pipe = subprocess.PIPE
    environment = os.environ | {"FERRAIO": f"hint,slow={SLOW}"}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        began = float(process.stdout.readline())
        process.stderr.readline()
        delay = time.monotonic() - began - SLOW
        process.kill()
    return delay


async def many_short_steps(count: int) -> None:
    async def steps():
        for _ in range(count // 100):
            await asyncio.sleep(0)

    await asyncio.gather(*[steps() for _ in range(100)])


async def computing_steps(count: int) -> None:
    for _ in range(count):
        end = time.thread_time() + SLOW / 5
        while time.thread_time() < end:
            pass
        await asyncio.sleep(0)


def findings_of(work) -> int:
    """Return how many blocks are reported while something runs."""
    found = []
    diagnosis = diagnose.start(diagnose.parse(f"log,slow={SLOW}"))
    reporter.observers.append(found.append)
    try:
        ferraio.run(work)
    finally:
        reporter.observers.remove(found.append)
        diagnose.stop(diagnosis)
    return len(found)


def findings_on_a_busy_machine() -> int:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * (os.cpu_count() or 1))]
    try:
        return findings_of(computing_steps(50))
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def share_of_a_core(work) -> float:
    """Return how much of a core all threads but this one took while something ran."""
    diagnosis = diagnose.start(diagnose.parse(f"log,slow={SLOW}"))
    try:
        began, all_threads, ours = time.monotonic(), time.process_time(), time.thread_time()
        ferraio.run(work)
        others = (time.process_time() - all_threads) - (time.thread_time() - ours)
        return others / (time.monotonic() - began)
    finally:
        diagnose.stop(diagnosis)


async def blocked(seconds: float) -> None:
    time.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.blocking", description="How soon a block is reported.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = range(parser.parse_args().rounds)
    calls = load_calls()
    signal.signal(signal.SIGUSR1, lambda *_: _raise(calls.Released))
    delays = {name: max(delay_of(calls, name) for _ in rounds) for name in calls.CALLS}
    delays |= {name: max(delay_of_holding(call) for _ in rounds) for name, call in HOLDING.items()}
    print("| blocking call | reported after the threshold of 100 ms, at worst |\n| --- | ---: |")
    for name, delay in delays.items():
        print(f"| {name.replace('_', ' ')} | {delay * 1000:.1f} ms |")
    print(f"\nworst of all {len(delays)}: {max(delays.values()) * 1000:.1f} ms")
    print(f"reported of 100,000 short steps: {findings_of(many_short_steps(100_000))}")
    print(
        f"reported of 50 steps of {SLOW / 5:.2f} s on a machine that others keep busy: {findings_on_a_busy_machine()}"
    )
    for what, work in (
        ("rests", asyncio.sleep(5)),
        ("makes short steps", many_short_steps(20_000_000)),
        (f"makes steps of {SLOW / 5:.2f} s", computing_steps(250)),
        ("is blocked", blocked(5)),
    ):
        print(f"watching a loop that {what}: {share_of_a_core(work) * 100:.2f} % of a core")
    print(f"\nMeasured on {machine.sentence(machine.describe())}")


def _raise(error):
    raise error


if __name__ == "__main__":
    main()
