"""Runs one module of somebody else's tests on a chosen loop, and writes what becomes of each test.

`battery.py` starts this file in a process of its own, since the tests change signal handlers, policies and
the names of asyncio, and since a mistake in the extension may end the process. The only argument is a JSON
object, see `Request`. The report is a file of JSON lines: `start` before and `end` after each test, and
`complete` at the end, so that after a crash it is known which test was running.
"""

import faulthandler
import fnmatch
import gc
import importlib.util
import json
import os
import sys
import traceback
import unittest
from typing import TypedDict


class Request(TypedDict):
    """What the parent asks for."""

    suite: str
    """The file that says whose tests they are, `cpython_suite.py` for one."""
    module: str
    """Which of its modules: `test_tasks` of CPython's is `test.test_asyncio.test_tasks`."""
    mode: str
    """`asyncio` (nothing of ours), `loop` (ferraio's loop) or `installed` (every name that we replace)."""
    only: list[str] | None
    """The names of the tests to run, or None for all."""
    leave_out: list[str]
    """Patterns of tests not to run."""
    done: list[str]
    """Tests that an earlier process has run."""
    report: str
    """The file to write to."""
    seconds_per_test: float
    """After this long in one test the process prints where every thread is, and ends."""
    diagnosed: bool
    """Whether the tests are diagnosed, and fail if a deadlock is called certain."""


class Report(unittest.TestResult):
    """Writes the outcome of each test as it happens."""

    def __init__(self, path: str, prefix: str, seconds_per_test: float):
        super().__init__()
        self._prefix = prefix
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self._process = os.getpid()
        self._seconds_per_test = seconds_per_test
        self._ended: set[str] = set()
        self.deadlocks: list[str] = []
        """What was called a deadlock for certain, in the test that runs."""

    def write(self, event: str, **facts: str) -> None:
        """Adds one line. A forked child of a test keeps silent."""
        if os.getpid() == self._process:
            os.write(self._file, json.dumps({"event": event, **facts}).encode() + b"\n")

    def _name_of(self, test):
        return name_of(test, self._prefix)

    def startTest(self, test):
        super().startTest(test)
        faulthandler.dump_traceback_later(self._seconds_per_test, exit=True)
        self.write("start", test=self._name_of(test))

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        if self.deadlocks:
            self._end(test, "failed", "called certain: " + "; ".join(self.deadlocks))
            self.deadlocks.clear()
        super().stopTest(test)

    def _end(self, test, outcome: str, detail: str = "") -> None:
        # A test may end twice, with its own outcome and with an error in a clean-up. Any failure counts.
        if outcome == "passed" and self._name_of(test) in self._ended:
            return
        self._ended.add(self._name_of(test))
        self.write("end", test=self._name_of(test), outcome=outcome, detail=detail)

    def addSuccess(self, test):
        self._end(test, "passed")

    def addExpectedFailure(self, test, err):
        self._end(test, "passed")

    def addSkip(self, test, reason):
        self._end(test, "skipped", reason)

    def addFailure(self, test, err):
        self._end(test, "failed", tail_of(err))

    def addError(self, test, err):
        self._end(test, "failed", tail_of(err))

    def addUnexpectedSuccess(self, test):
        self._end(test, "failed", "CPython expects this test to fail, and it passed")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._end(test, "failed", f"{subtest}\n{tail_of(err)}")


def name_of(test, prefix) -> str:
    """The test's name as we write it: `test_tasks.CTask_CFuture_Tests.test_task_repr`."""
    return test.id().removeprefix(prefix)


def tail_of(err) -> str:
    """The end of a traceback: where it happened, and what."""
    lines = "".join(traceback.format_exception(*err)).rstrip().splitlines()
    return "\n".join(lines[-30:])


def tests_in(suite):
    """The single tests of a suite, in order."""
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from tests_in(entry)
        else:
            yield entry


def load(path: str):
    """The module in a file."""
    spec = importlib.util.spec_from_file_location("suite_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def diagnose(report: Report) -> None:
    """Diagnoses what runs from now on, without notes on errors, which the tests would find in their texts."""
    from ferraio import diagnose
    from ferraio.diagnose import reporter

    def note(finding):
        if finding.message.startswith("deadlock"):
            report.deadlocks.append(finding.message)

    detectors = tuple(name for name in diagnose.DETECTORS if name != "explanations")
    diagnose.start(diagnose.Settings(mode="hint"), detectors)
    reporter.show = lambda text: None
    reporter.observers.append(note)


def main() -> None:
    """Does what the request on the command line says."""
    request: Request = json.loads(sys.argv[1])
    faulthandler.enable()
    suite = load(request["suite"])
    prefix = suite.PREFIX
    report = Report(request["report"], prefix, request["seconds_per_test"])
    suite.prepare(request["mode"])
    if request["diagnosed"]:
        diagnose(report)

    done = set(request["done"])
    only = None if request["only"] is None else set(request["only"])
    chosen = unittest.TestSuite()
    for test in tests_in(unittest.defaultTestLoader.loadTestsFromName(prefix + request["module"])):
        name = name_of(test, prefix)
        if name in done or (only is not None and name not in only):
            continue
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in request["leave_out"]):
            chosen.addTest(test)
    chosen.run(report)

    del chosen
    gc.collect()
    report.write("complete")
    # A thread that a test left behind may keep the process from ending.
    faulthandler.dump_traceback_later(request["seconds_per_test"], exit=True)


if __name__ == "__main__":
    main()
