"""How long do `ferraio check`, anew and from its cache, and ruff's rules for async take for the standard library?

    python -m benches.checkers.speed

The three take turns, so that what else the machine does slows all of them; the shortest time of each is what it takes,
the processor time is the median's.
"""

import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benches.checkers.tools import PROGRAMS

LIBRARY = Path(sysconfig.get_path("stdlib"))
ROUNDS = 15

FERRAIO = f"{PROGRAMS}/ferraio check --isolated --quiet --output-format concise"
RUFF = f"{PROGRAMS}/ruff check --isolated --quiet --output-format concise"


@dataclass
class Runner:
    """A command, and the seconds that its runs took."""

    name: str
    command: str
    took: list[float] = field(default_factory=list)
    ran: list[float] = field(default_factory=list)

    def run(self) -> None:
        before, began = _processor_time(), time.perf_counter()
        done = subprocess.run([*self.command.split(), str(LIBRARY)], capture_output=True, text=True)
        self.took.append(time.perf_counter() - began)
        self.ran.append(_processor_time() - before)
        # Both say 1 when they have found something.
        if done.returncode not in (0, 1):
            sys.exit(f"{self.name} failed:\n{done.stderr[-2000:]}")


def _processor_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int = ROUNDS) -> list[Runner]:
    """Let all run in turn, and return them with their times: ferraio without its cache and with it, then ruff."""
    with tempfile.TemporaryDirectory() as cache:
        runners = [
            Runner("ferraio check, anew", f"{FERRAIO} --no-cache"),
            Runner("ferraio check, nothing has changed", f"{FERRAIO} --cache-dir {cache}"),
            Runner("ruff check --select ASYNC, anew", f"{RUFF} --no-cache --select ASYNC"),
        ]
        for runner in runners:
            runner.run()
            runner.took.clear()
            runner.ran.clear()
        for _ in range(rounds):
            for runner in runners:
                runner.run()
    return runners


def section() -> str:
    """Measure, and return the part of the page that says so."""
    runners = measure()
    ruff = runners[-1]
    files = list(_library_files())
    lines = sum(file.read_bytes().count(b"\n") for file in files)
    rows = [
        f"| {runner.name} | {min(runner.took):.2f} s | {statistics.median(runner.ran):.2f} s"
        f" | {statistics.median(runner.ran) / statistics.median(ruff.ran):.2f} |"
        for runner in runners
    ]
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return "\n".join(
        [
            "## How long it takes",
            "",
            f"The standard library of Python {sys.version_info.major}.{sys.version_info.minor} with its tests:"
            f" {len(files):,} files, {lines:,} lines; {ROUNDS} rounds in turn on {os.cpu_count()} cores"
            + (", which did other work at the same time, so that only the ratio says much." if busy else "."),
            "",
            "|  | shortest time | processor time, median | to ruff |",
            "| --- | ---: | ---: | ---: |",
            *rows,
            "",
            "ruff looks at each file alone; ferraio follows what a file imports.",
        ]
    )


def _library_files() -> Iterator[Path]:
    for file in LIBRARY.rglob("*.py"):
        below = file.relative_to(LIBRARY).parts
        if file.is_file() and "site-packages" not in below:
            yield file


if __name__ == "__main__":
    print(section())
