"""What we expect of CPython's tests: which do not run, which fail and why; and whether a run was so.

The list is `expected_failures.toml`. It cannot rot: a test that is listed as failing and passes is a finding,
and so is an entry that no longer names any test.
"""

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path

from battery import Outcome

KEYS = {"tests", "versions", "modes", "reason", "some_pass"}


@dataclass(frozen=True)
class Entry:
    """One entry of the list."""

    tests: tuple[str, ...]
    """Names or patterns of tests: `test_tasks.*.test_task_repr`."""
    reason: str
    """One sentence for the reader."""
    versions: tuple[str, ...] | None = None
    """The versions of Python it is about, or None for all."""
    modes: tuple[str, ...] | None = None
    """`loop`, `installed`, or None for both."""
    some_pass: bool = False
    """Whether some of the tests that the patterns name may pass."""

    def is_about(self, module: str, mode: str, version: str) -> bool:
        """Whether the entry says something about this run."""
        return (
            any(test.split(".")[0] == module for test in self.tests)
            and (self.modes is None or mode in self.modes)
            and (self.versions is None or version in self.versions)
        )


@dataclass(frozen=True)
class Expectations:
    """The whole list."""

    not_run: tuple[Entry, ...]
    """Tests that we leave out."""
    failing: tuple[Entry, ...]
    """Tests that fail, and should."""

    @classmethod
    def read(cls, path: Path) -> "Expectations":
        """Reads the list from its file."""
        data = tomllib.loads(path.read_text())
        return cls(
            not_run=tuple(_entry(entry) for entry in data.pop("not_run", ())),
            failing=tuple(_entry(entry) for entry in data.pop("expected_failure", ())),
        )

    def left_out(self, module: str, mode: str, version: str) -> list[str]:
        """The patterns of the tests of a module that are not run."""
        return [
            test
            for entry in self.not_run
            if entry.is_about(module, mode, version)
            for test in entry.tests
            if test.split(".")[0] == module
        ]

    def findings(self, module: str, mode: str, version: str, outcomes: dict[str, Outcome]) -> list["Finding"]:
        """Everything about a run that is not as expected."""
        findings = []
        expected: set[str] = set()
        for entry in self.failing:
            if not entry.is_about(module, mode, version):
                continue
            for pattern in entry.tests:
                if pattern.split(".")[0] != module:
                    continue
                named = [test for test in outcomes if fnmatch.fnmatchcase(test, pattern)]
                expected.update(named)
                if not named:
                    findings.append(Finding(pattern, "is listed as failing, but there is no such test"))
                passing = [test for test in named if outcomes[test].kind == "passed"]
                if entry.some_pass and len(passing) < len(named):
                    continue
                for test in passing:
                    findings.append(Finding(test, f"passes, but is listed as failing: {entry.reason}"))
        for test, outcome in outcomes.items():
            if outcome.is_bad and test not in expected:
                findings.append(Finding(test, outcome.kind, outcome.detail))
        return findings


@dataclass(frozen=True)
class Finding:
    """Something that was not as expected."""

    test: str
    """Which test (or which entry of the list)."""
    what: str
    """What about it."""
    detail: str = ""
    """The end of its traceback."""

    def __str__(self) -> str:
        indented = "".join(f"\n    {line}" for line in self.detail.splitlines())
        return f"{self.test}: {self.what}{indented}"


def _entry(data: dict) -> Entry:
    unknown = set(data) - KEYS
    if unknown or "tests" not in data or not data.get("reason", "").strip():
        raise ValueError(f"an entry needs tests and a reason, and nothing unknown: {data}")
    return Entry(
        tests=tuple(data["tests"]),
        reason=data["reason"],
        versions=tuple(data["versions"]) if "versions" in data else None,
        modes=tuple(data["modes"]) if "modes" in data else None,
        some_pass=data.get("some_pass", False),
    )
