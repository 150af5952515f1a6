"""`python -m benches.loop_limit`: how fast could any loop be? Compares uvloop and ferraio with `loop_limit.c`.

That is a loop in C which does less than asyncio asks for. What it needs is mostly the interpreter's own: the frames of
callbacks and coroutines, and the program that is measured. So uvloop's time divided by its time is more than any loop
can reach. Each sample is a fresh process, the three taking turns. `--instructions` counts with valgrind instead.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time

from benches import extension, instructions
from benches.case import THOROUGH, load_all
from benches.rounds import SampleFailed, run_program, take_round

PEERS = ("uvloop", "ferraio")
LEAST = {
    "scheduling.call_soon_batch": 10_000,
    "tasks.sleep": 500_000,
    "tasks.ping_pong_100": 20_000,
}
"""The cases, and of how many operations their number has to be a multiple."""


def call_soon_batch(loop, count):
    """As `scheduling.call_soon_batch`."""

    def callback():
        pass

    for _ in range(count // 1000):
        for _ in range(1000):
            loop.call_soon(callback)
        loop.run()


def sleep(loop, count):
    """As `tasks.sleep`."""

    async def sleeper(seconds, times):
        for _ in range(times):
            await loop.sleep(seconds)

    for n in range(10_000):
        loop.create_task(sleeper(0.001 + 0.009 * n / 10_000, count // 10_000))
    loop.run()


def ping_pong_100(loop, count):
    """As `tasks.ping_pong_100`."""
    for _ in range(100):
        game = _Game(loop)
        loop.create_task(game.ping(count // 200))
        loop.create_task(game.pong(count // 200))
    loop.run()


class _Game:
    def __init__(self, loop):
        self.loop = loop
        self.to_ping = self.loop.create_future()
        self.to_pong = self.loop.create_future()

    async def ping(self, turns):
        for _ in range(turns):
            self.to_ping = self.loop.create_future()
            self.to_pong.set_result(None)
            await self.to_ping

    async def pong(self, turns):
        for _ in range(turns):
            await self.to_pong
            self.to_pong = self.loop.create_future()
            self.to_ping.set_result(None)


def main():
    parser = argparse.ArgumentParser(prog="python -m benches.loop_limit", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="samples of each (7)")
    parser.add_argument("--instructions", action="store_true", help="count instructions with valgrind")
    parser.add_argument("--sample", nargs=2, metavar=("EXTENSION", "CASE"), help=argparse.SUPPRESS)
    parser.add_argument("--operations", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.sample:
        sample(*wanted.sample, wanted.operations)
        return
    with tempfile.TemporaryDirectory() as directory:
        file = extension.compiled("loop_limit", directory)
        for case, least in LEAST.items():
            if not wanted.instructions:
                tell(case, measured(case, file, wanted.rounds), "ns")
            elif load_all()[case].perform is not None:
                tell(case, counted(case, file, least), "instructions")


def tell(case, found, unit):
    """One line, with how many times as much uvloop needs."""
    figures = [f"{who} {value:.0f} {unit} ({found['uvloop'] / value:.2f})" for who, value in found.items()]
    print(f"{case}: {', '.join(figures)}", flush=True)


def measured(case, file, rounds):
    """Medians of nanoseconds per operation."""
    samples = {who: [] for who in (*PEERS, "limit")}
    for _ in range(rounds):
        for peer, taken in take_round(case, PEERS, THOROUGH).items():
            if isinstance(taken, SampleFailed):
                raise taken
            samples[peer].append(taken.value)
        samples["limit"].append(json.loads(run_program([], _sample_arguments(file, case)).output))
    return {who: statistics.median(values) for who, values in samples.items()}


def counted(case, file, least):
    """Instructions per operation."""
    found = {peer: instructions.count(load_all()[case], peer) for peer in PEERS}
    found["limit"] = instructions.per_operation(
        lambda operations: _sample_arguments(file, case, "--operations", str(operations)), least
    )
    return found


def _sample_arguments(file, case, *more):
    return ["benches.loop_limit", "--sample", file, case, *more]


def sample(file, case, operations):
    """What a fresh process does: nanoseconds per operation, the best of three, or so many operations and no more."""
    loop = extension.loaded(file)
    run = globals()[case.partition(".")[2]]
    run(loop, LEAST[case])
    if operations:
        run(loop, operations)
        return
    multiple = 1
    while (spent := _cpu_time(run, loop, multiple * LEAST[case])) < 0.025:
        multiple *= 2
    count = max(1, round(multiple * 0.1 / spent)) * LEAST[case]
    print(min(_cpu_time(run, loop, count) for _ in range(3)) / count * 1e9)


def _cpu_time(run, loop, count):
    gc.collect()
    began = time.process_time()
    run(loop, count)
    return time.process_time() - began


if __name__ == "__main__":
    main()
