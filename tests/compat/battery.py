"""Runs one module of CPython's own asyncio tests in child processes, and says what became of each test.

A test that hangs or kills its process is an outcome like any other: the next process goes on behind it.
"""

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

MODULES = (
    "test_futures",
    "test_futures2",
    "test_tasks",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_runners",
    "test_locks",
    "test_queues",
    "test_threads",
    "test_context",
    "test_eager_task_factory",
    "test_events",
    "test_server",
    "test_sock_lowlevel",
    "test_buffered_proto",
    "test_streams",
    "test_graph",
    "test_free_threading",
    "test_pep492",
    "test_staggered",
    "test_subprocess",
    "test_sendfile",
    "test_unix_events",
    "test_server_context",
    "test_ssl",
    "test_sslproto",
)
"""What we run; a Python that does not have one of them skips it."""

SECONDS_PER_TEST = 30
"""After this long a test hangs. The slowest of CPython's own takes a tenth of it."""
SECONDS_PER_PROCESS = 900
"""A second line behind the first, for a process that cannot even end itself."""


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


def modules_of_this_python() -> list[str]:
    """The modules of `MODULES` that the running interpreter has; none if it came without its tests."""
    try:
        from test import test_asyncio
    except ImportError:
        return []
    here = Path(test_asyncio.__file__).parent
    return [module for module in MODULES if (here / f"{module}.py").exists()]


def run(module: str, mode: str, *, leave_out: list[str] | None = None, only: list[str] | None = None):
    """Runs a module's tests and returns a dict from test name to Outcome."""
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="ferraio-compat-") as directory:
        while True:
            request = {
                "module": module,
                "mode": mode,
                "only": only,
                "leave_out": leave_out or [],
                "done": list(outcomes),
                "report": str(Path(directory, "report")),
                "seconds_per_test": SECONDS_PER_TEST,
            }
            exit_code, last_words = _run_child(request, directory)
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


def _run_child(request: dict, directory: str) -> tuple[int, str]:
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
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
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
