"""What each tool costs a program in which nothing is wrong: CPU time of small workloads, against the same without it.

The workloads are those of `benches.diagnosis`. Each runs under each tool in a process of its own, in turns; a figure is
the best of the samples of a process, then the median of the processes. CPU time is that of all threads, a watchdog's
among them. ferraio is compared with ferraio, the others with asyncio.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

from benches.diagnosers.watching import WATCHING
from benches.diagnosis import CASES

WORKLOADS = {
    "coroutine": "a coroutine, made and awaited",
    "sleep_0": "`await asyncio.sleep(0)`",
    "task": "`await asyncio.create_task(…)`",
    "callbacks": "`call_soon`",
}

#: Ways of running them: the heading on the page, and which way it is compared with; None is a base itself.
WAYS: dict[str, tuple[str, str | None]] = {
    "asyncio": ("asyncio", None),
    "ferraio": ("ferraio", None),
    "hint": ("ferraio, hints on", "ferraio"),
    "log": ("ferraio, records on", "ferraio"),
    "debug_mode": ("asyncio debug mode", "asyncio"),
    "blockbuster": ("blockbuster", "asyncio"),
    "aiocop": ("aiocop", "asyncio"),
    "pyleak": ("pyleak", "asyncio"),
    "pyleak_with_tracking": ("pyleak with creation tracking", "asyncio"),
    "asynclens": ("asynclens", "asyncio"),
}

PROCESSES = 3
SAMPLES = 5
#: How much CPU time a sample takes at least, in nanoseconds: a few rounds of the slowest watchdog.
SAMPLE = 50_000_000
#: How many times the workload runs between two looks at the clock.
CHUNK = 500


def measure() -> dict[str, dict[str, float]]:
    """Return nanoseconds for each time, by workload and way."""
    figures: dict[str, dict[str, list[float]]] = {name: {way: [] for way in WAYS} for name in WORKLOADS}
    for _ in range(PROCESSES):
        for name, by_way in figures.items():
            for way, samples in by_way.items():
                samples.append(_sample_in_a_process(name, way))
    return {
        name: {way: statistics.median(samples) for way, samples in by_way.items()} for name, by_way in figures.items()
    }


def _sample_in_a_process(name: str, way: str) -> float:
    environment = {key: value for key, value in os.environ.items() if key not in ("FERRAIO", "PYTHONASYNCIODEBUG")}
    if way == "debug_mode":
        environment["PYTHONASYNCIODEBUG"] = "1"
    command = [sys.executable, "-m", "benches.diagnosers.overhead", name, way]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def sample(name: str, way: str) -> float:
    """Measure in this process."""

    async def once() -> float:
        begin, done, spent = time.process_time_ns(), 0, 0
        while spent < SAMPLE:
            await CASES[name](CHUNK)
            done += CHUNK
            spent = time.process_time_ns() - begin
        return spent / done

    async def best() -> float:
        async with WATCHING[way](None, {__file__}) if way in WATCHING else contextlib.nullcontext():
            await CASES[name](CHUNK)
            return min([await once() for _ in range(SAMPLES)])

    if way in ("ferraio", "hint", "log"):
        import ferraio

        # Some workloads never let the loop go on, and would be reported for that.
        return ferraio.run(best(), diagnose="off" if way == "ferraio" else f"{way},slow=60")
    return asyncio.run(best())


if __name__ == "__main__":
    print(json.dumps(sample(*sys.argv[1:])))
