"""Processes of their own: how they are started, and what one can see of them from outside."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

# Variables that would make the output depend on how the tests are run.
UNWANTED = {
    "FORCE_COLOR",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "PYTHONINSPECT",
}


def wait_until_asleep(child: subprocess.Popen[str]) -> None:
    """Return when all threads of a process wait in system calls, or when it has ended. Needs Linux's /proc.

    A thread that waits for another one, or for the GIL, is asleep too. So all must be, in two looks at them,
    and none may have run in between.
    """
    seen: list[tuple[str, ...]] = []
    while child.poll() is None:
        before, seen = seen, _threads(child.pid)
        if seen == before and all(state.startswith("State:\tS") for state, *_ in seen):
            return


def _threads(pid: int) -> list[tuple[str, ...]]:
    """Return for each thread its state, and how often it was taken from the processor."""
    threads = []
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            lines = status.read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # the thread has ended
            continue
        threads.append(tuple(line for line in lines if line.startswith("State") or "ctxt_switches" in line))
    return threads


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit status (negative for a signal) and all that it wrote."""

    status: int
    output: str
    errors: str

    def without_addresses(self) -> Outcome:
        """Drop what differs between two runs of the same program."""
        return replace(
            self,
            output=re.sub(r"0x[0-9a-f]+", "0x…", self.output),
            errors=re.sub(r"0x[0-9a-f]+", "0x…", self.errors),
        )

    def without_frames_of(self, *places: str) -> Outcome:
        """Drop the frames of a traceback whose file name contains one of the places."""
        kept, dropping = [], False
        for line in self.errors.splitlines(keepends=True):
            if line.startswith('  File "'):
                dropping = any(place in line for place in places)
            elif not line.startswith("    "):
                dropping = False
            if not dropping:
                kept.append(line)
        return replace(self, errors="".join(kept))


@dataclass(frozen=True)
class Launcher:
    """A way to start a program, in a directory made for one test."""

    command: tuple[str, ...]
    directory: Path

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        environment |= {"NO_COLOR": "1", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
        environment |= options.pop("environment", {})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [*self.command, *arguments], cwd=self.directory, env=environment, text=True, **(pipes | options)
        )

    def __call__(self, *arguments: str, stdin: str = "", **options) -> Outcome:
        with self.start(*arguments, **options) as child:
            output, errors = child.communicate(stdin)
        return Outcome(child.returncode, output or "", errors or "").without_addresses()
