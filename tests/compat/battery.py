"""Runs one module of somebody else's tests in child processes, and says what became of each test.

Whose tests, and how they come to meet ferraio, says a suite: `cpython_suite.py` or `uvloop_suite.py`, a file that is
used on both sides. A test that hangs or kills its process is an outcome like any other: the next process goes on
behind it.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SECONDS_PER_TEST = 30
"""After this long a test hangs. The slowest of CPython's own takes a tenth of it."""
SECONDS_PER_PROCESS = 900
"""A second line behind the first, for a process that cannot even end itself."""

DIAGNOSED = False
"""Whether `--diagnosed` was given: each test is diagnosed, and fails if a deadlock is called certain."""


@dataclass(frozen=True)
class Outcome:
    """What became of one test."""

    kind: str
    """`passed`, `skipped`, `failed`, or `died` if the process ended or hung in it."""
    detail: str = ""
    """The end of the traceback, the reason for skipping, or the process's last words."""

    @property
    def is_bad(self) -> bool:
        """Whether the test failed in one way or another."""
        return self.kind in ("failed", "died")


class Suite(Protocol):
    """What a suite's file has."""

    __file__: str
    NAME: str
    """Whose tests they are."""
    PREFIX: str
    """What stands before a module's name: `test_tasks` is `test.test_asyncio.test_tasks`."""

    def prepare(self, mode: str) -> None:
        """In the child: makes what the tests will find to be asyncio's or uvloop's into ferraio's."""

    def environment(self) -> dict[str, str]:
        """In the parent: the environment of the child."""


def run(suite: Suite, module: str, mode: str, *, leave_out: Sequence[str] = (), only: Sequence[str] | None = None):
    """Runs a module's tests and returns a dict from test name to Outcome."""
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="ferraio-compat-") as directory:
        while True:
            request = {
                "suite": suite.__file__,
                "module": module,
                "mode": mode,
                "only": only if only is None else list(only),
                "leave_out": list(leave_out),
                "done": list(outcomes),
                "report": str(Path(directory, "report")),
                "seconds_per_test": SECONDS_PER_TEST,
                "diagnosed": DIAGNOSED,
            }
            exit_code, last_words = _run_child(request, directory, suite.environment())
            running, complete = _read_report(Path(directory, "report"), outcomes)
            died = f"the process {_ending(exit_code)}\n{last_words}"
            if running is not None:
                outcomes[running] = Outcome("died", died)
                continue
            if not complete:
                outcomes[f"{module}.<outside of any test>"] = Outcome("died", died)
            elif exit_code != 0:
                outcomes[f"{module}.<after the last test>"] = Outcome("died", died)
            return outcomes


def _run_child(request: dict, directory: str, environment: dict[str, str]) -> tuple[int, str]:
    Path(request["report"]).unlink(missing_ok=True)
    child = str(Path(__file__).with_name("in_child.py"))
    # The interpreter's own flags (-X dev, -W …) hold for the tests too; PYTHONMALLOC is inherited.
    command = [sys.executable, *subprocess._args_from_interpreter_flags(), "-P", child, json.dumps(request)]
    words = Path(directory, "words")
    work = Path(directory, "work")
    work.mkdir(exist_ok=True)
    with (
        words.open("wb") as output,
        subprocess.Popen(
            command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            exit_code = process.wait(SECONDS_PER_PROCESS)
        except subprocess.TimeoutExpired:
            process.kill()
            exit_code = process.wait()
    return exit_code, "\n".join(words.read_text(errors="replace").splitlines()[-40:])


def _read_report(path: Path, outcomes: dict[str, Outcome]) -> tuple[str | None, bool]:
    """Adds what the report says to `outcomes`; returns the test that never ended, and whether all ran."""
    running = None
    for line in path.read_text().splitlines() if path.exists() else ():
        entry = json.loads(line)
        match entry["event"]:
            case "start":
                running = entry["test"]
            case "end":
                name = entry["test"]
                if name not in outcomes or not outcomes[name].is_bad:
                    outcomes[name] = Outcome(entry["outcome"], entry["detail"])
                if running == name:
                    running = None
            case "complete":
                return None, True
    return running, False


def _ending(exit_code: int) -> str:
    if exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"
