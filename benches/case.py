"""What a case is, and the two ways to write one.

Most cases are coroutine functions that perform a given number of operations; `@operations` makes a case of
one, and the CPU time of its process is taken around it. A case that must look at something else (memory,
another process, the wall clock) returns its own sample; `@reading` makes a case of it. Either way the first
line of the docstring is the question that the case answers.
"""

import asyncio
import contextlib
import gc
import importlib
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from benches.peers import Peer

GROUPS = (
    "scheduling",
    "timers",
    "tasks",
    "synchronization",
    "echo",
    "tls",
    "web",
    "model_calls",
    "memory",
    "startup",
    "processes",
)


@dataclass(frozen=True)
class Effort:
    """How long one sample takes: so many repeats, each of so many seconds; only `few` where one cannot be short.
    `wait_for_turn` returns when the next repeat may begin.

    A core of a virtual machine is often half of a real one, which takes half as much again while somebody else uses the
    other half. That comes and goes in tens of milliseconds, so many short repeats hit upon one that was left alone.
    """

    seconds: float
    repeats: int
    few: int
    wait_for_turn: Callable[[], object] = field(default=lambda: None, compare=False)

    def turns(self, repeats: int) -> Iterator[None]:
        """Yield for each repeat, as soon as it is our turn."""
        for _ in range(repeats):
            self.wait_for_turn()
            yield


QUICK = Effort(seconds=0.02, repeats=1, few=1)
THOROUGH = Effort(seconds=0.02, repeats=25, few=3)


@dataclass(frozen=True)
class Sample:
    """The answer of one process: nanoseconds or bytes per operation, less is better."""

    value: float
    operations: int
    also: dict[str, float] = field(default_factory=dict)
    """Further figures, by name."""


@dataclass(frozen=True)
class Case:
    """One question, and the function that answers it for a peer in the running process."""

    key: str
    title: str
    question: str
    unit: str
    measure: Callable[[Peer, Effort], Sample]
    perform: Callable[[Peer, int], None] | None
    """Performs so many operations and no more, so that a tool can count instructions."""
    least: int
    """Operations come in multiples of this many."""


CASES: dict[str, Case] = {}


def load(group: str) -> None:
    """Import one group of cases; they register themselves."""
    importlib.import_module(f"benches.cases.{group}")


def load_all() -> dict[str, Case]:
    for group in GROUPS:
        load(group)
    return CASES


@contextlib.asynccontextmanager
async def nothing() -> AsyncIterator[tuple]:
    """Prepare nothing."""
    yield ()


def operations(title: str, *, least: int, prepare=nothing, counted: bool = False):
    """Make a case of `async def run(operations, *prepared)`; `counted` offers it to `--instructions`."""

    def register(run: Callable[..., Coroutine]) -> Callable[..., Coroutine]:
        async def measured(effort: Effort) -> Sample:
            async with prepare() as prepared:
                return await best_of(lambda count: run(count, *prepared), least, effort)

        async def performed(count: int) -> None:
            async with prepare() as prepared:
                await run(least, *prepared)
                await run(count, *prepared)

        def measure(peer: Peer, effort: Effort) -> Sample:
            with asyncio.Runner(loop_factory=peer.new_event_loop) as runner:
                return runner.run(measured(effort))

        def perform(peer: Peer, count: int) -> None:
            with asyncio.Runner(loop_factory=peer.new_event_loop) as runner:
                runner.run(performed(count))

        _register(run, title, "ns", measure, perform if counted else None, least)
        return run

    return register


def reading(title: str, *, unit: str, question: str | None = None, name: str | None = None):
    """Make a case of `def measure(peer, effort)`, which returns its own sample in `unit`."""

    def register(measure: Callable[[Peer, Effort], Sample]) -> Callable[[Peer, Effort], Sample]:
        _register(measure, title, unit, measure, None, 1, question=question, name=name)
        return measure

    return register


async def best_of(run: Callable[[int], Coroutine], least: int, effort: Effort) -> Sample:
    """Find how many operations fill the time, then take the fastest repeat: disturbance only ever adds."""
    multiple = 1
    while (spent := await _cpu_time(run, multiple * least)) < effort.seconds / 4:
        multiple *= max(2, min(10, int(effort.seconds / 2 / max(spent, 1e-6))))
    count = max(1, round(multiple * effort.seconds / spent)) * least
    repeats = effort.repeats if spent < 5 * effort.seconds else effort.few
    fastest = min([await _cpu_time(run, count) for _ in effort.turns(repeats)])
    return Sample(fastest / count * 1e9, count)


async def _cpu_time(run: Callable[[int], Coroutine], count: int) -> float:
    """CPU seconds of this process; the garbage collector starts clean and stays on, as in any program."""
    gc.collect()
    began = time.process_time()
    await run(count)
    return time.process_time() - began


def _register(function, title, unit, measure, perform, least, *, question=None, name=None) -> None:
    group = function.__module__.rpartition(".")[2]
    key = f"{group}.{name or function.__name__}"
    question = question or inspect.getdoc(function).splitlines()[0]
    CASES[key] = Case(key, title, question, unit, measure, perform, least)
