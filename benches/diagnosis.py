"""What it costs to be diagnosed, and how soon a deadlock is shown: `python -m benches.diagnosis`.

Each case runs in each mode, in a process of its own; the modes take turns, run by run, so that what else the machine
does for a while disturbs them all. The figures are nanoseconds of CPU time for each operation, the best of the runs of
a process, the median of the processes. The first column is a run with ``off``, the others are what a mode adds. A
detector with a cost of its own adds a case: a coroutine function that does something `count` times.

A deadlock that is certain is to be shown within 5 ms of the last step that anything could do. Measured from there until
its text is written: the first one of a process, which reads the source and starts what draws it, and those after it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

from benches import machine

#: What FERRAIO is set to; None leaves it unset, as in production.
MODES = {"off": "off", "production": None, "log, no watchdog": "log,ignore=FER002", "log": "log", "hint": "hint"}
RUNS = 100
#: How many tasks there are when two of them are in a deadlock, and how many deadlocks a process makes.
TASKS_IN_A_DEADLOCK = (2, 1000)
DEADLOCKS = 20


async def nothing():
    pass


async def coroutine(count):
    """a coroutine, made and awaited"""
    for _ in range(count):
        await nothing()


async def sleep_0(count):
    """await asyncio.sleep(0)"""
    for _ in range(count):
        await asyncio.sleep(0)


async def lock(count):
    """async with lock"""
    free = asyncio.Lock()
    for _ in range(count):
        async with free:
            pass


async def task(count):
    """await asyncio.create_task(…)"""
    for _ in range(count):
        await asyncio.create_task(nothing())


async def callbacks(count):
    """call_soon, one callback that reschedules itself"""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def again(left):
        if left:
            loop.call_soon(again, left - 1)
        else:
            done.set()

    again(count)
    await done.wait()


CASES = {case.__name__: case for case in (coroutine, sleep_0, lock, task, callbacks)}


def sample(name: str, count: int) -> None:
    """Measure a case in this process, once for each line of stdin: nanoseconds for each time."""
    import ferraio

    async def main():
        await CASES[name](count // 10)
        begin = time.process_time_ns()
        await CASES[name](count)
        return (time.process_time_ns() - begin) / count

    for _ in sys.stdin:
        print(ferraio.run(main()), flush=True)


def measure(names: list[str], processes: int, count: int) -> dict[str, dict[str, float]]:
    """Return the median of each case in each mode."""
    figures: dict[str, dict[str, list[float]]] = {name: {mode: [] for mode in MODES} for name in names}
    for _ in range(processes):
        for name in names:
            for mode, fastest in _fastest_in_turns(name, count).items():
                figures[name][mode].append(fastest)
    return {
        name: {mode: statistics.median(samples) for mode, samples in by_mode.items()}
        for name, by_mode in figures.items()
    }


def _fastest_in_turns(name: str, count: int) -> dict[str, float]:
    """Return the best of a process in each mode."""
    command = [sys.executable, "-m", "benches.diagnosis", "--sample", name, "--count", str(count)]
    fastest = dict.fromkeys(MODES, float("inf"))
    with contextlib.ExitStack() as stack:
        running = {
            mode: stack.enter_context(
                subprocess.Popen(
                    command, env=_environment(setting), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for mode, setting in MODES.items()
        }
        for _ in range(RUNS):
            for mode, process in running.items():
                process.stdin.write("\n")
                process.stdin.flush()
                fastest[mode] = min(fastest[mode], float(process.stdout.readline()))
    return fastest


def _environment(setting: str | None) -> dict[str, str]:
    others = {key: value for key, value in os.environ.items() if key != "FERRAIO"}
    return others if setting is None else others | {"FERRAIO": setting}


def sample_deadlocks(tasks: int) -> list[float]:
    """Make deadlocks in this process, and measure how long each takes to be shown: milliseconds."""
    import ferraio
    from ferraio.diagnose import observer, reporter

    last_step = 0
    shown: list[float] = []

    def show(text: str) -> None:
        reporter.write(text)
        # On a busy machine the loop may have been blocked as well.
        if "FER007" in text:
            shown.append((time.perf_counter_ns() - last_step) / 1e6)

    async def hold(mine: asyncio.Lock, others: asyncio.Lock) -> None:
        nonlocal last_step
        async with mine:
            await asyncio.sleep(0)
            last_step = time.perf_counter_ns()
            async with others:
                pass

    async def wait_behind(lock: asyncio.Lock) -> None:
        nonlocal last_step
        last_step = time.perf_counter_ns()
        async with lock:
            pass

    async def main() -> None:
        one, two = asyncio.Lock(), asyncio.Lock()
        await asyncio.gather(hold(one, two), hold(two, one), *(wait_behind(one) for _ in range(tasks - 2)))

    reporter.show = show
    for _ in range(DEADLOCKS):
        try:
            ferraio.run(main(), diagnose="strict")
        except observer.Deadlock:
            pass
        reporter.forget()
    if len(shown) != DEADLOCKS:
        sys.exit(f"{len(shown)} of {DEADLOCKS} deadlocks were shown")
    return shown


def measure_deadlocks(processes: int) -> None:
    """Print how soon deadlocks are shown."""
    print("\n| a certain deadlock is shown after | the first of a process | further ones | the slowest of all |")
    print("| --- | ---: | ---: | ---: |")
    for tasks in TASKS_IN_A_DEADLOCK:
        samples: list[list[float]] = []
        for _ in range(processes):
            command = [sys.executable, "-m", "benches.diagnosis", "--deadlocks", str(tasks)]
            # What is shown goes to stderr.
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            samples.append(json.loads(done.stdout))
        first = statistics.median(each[0] for each in samples)
        further = statistics.median(sample for each in samples for sample in each[1:])
        slowest = max(max(each) for each in samples)
        figures = f"{first:.1f} ms | {further:.1f} ms | {slowest:.1f} ms"
        print(f"| of two tasks, {tasks - 2:,} more wait | {figures} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.diagnosis", description="What it costs to be diagnosed.")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}")
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--sample", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--deadlocks", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if unknown := set(wanted.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if wanted.sample:
        sample(wanted.sample, wanted.count)
        return
    if wanted.deadlocks:
        print(json.dumps(sample_deadlocks(wanted.deadlocks)))
        return
    print("|  | off | " + " | ".join(mode for mode in MODES if mode != "off") + " |")
    print("| --- |" + " ---: |" * len(MODES))
    for name, by_mode in measure(wanted.cases or list(CASES), wanted.processes, wanted.count).items():
        added = [f"{by_mode[mode] - by_mode['off']:+.0f} ns" for mode in MODES if mode != "off"]
        print(f"| {CASES[name].__doc__} | {by_mode['off']:.0f} ns | {' | '.join(added)} |", flush=True)
    if not wanted.cases:
        measure_deadlocks(wanted.processes)
    print(f"\nMeasured on {machine.sentence(machine.describe())}")


if __name__ == "__main__":
    main()
