"""A test that hangs ends the run, and one sees where it hung."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no such timers")

TESTS = """
import threading

import pytest


def test_ends():
    pass


@pytest.mark.may_take(minutes=0.03)
def test_hangs_sooner_than_others():
    threading.Event().wait()


def test_hangs():
    threading.Event().wait()


@pytest.mark.may_take(minutes=0)
def test_watches_over_itself():
    pass
"""


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest on one of the tests above; returns its exit status, and what it said on stdout and stderr."""
    (tmp_path / "test_program.py").write_text(TESTS)

    def run_pytest(test, *arguments):
        outcome = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "watchdog",
                "-p",
                "no:cacheprovider",
                *arguments,
                f"test_program.py::{test}",
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return outcome.returncode, outcome.stdout, outcome.stderr

    return run_pytest


@pytest.mark.parametrize(
    ("test", "minutes"), [("test_hangs", "0.03"), ("test_hangs_sooner_than_others", "60")], ids=["option", "mark"]
)
def test_a_test_that_hangs_ends_the_run_and_shows_where(run_pytest, test, minutes):
    status, _, stacks = run_pytest(test, "--minutes-per-test", minutes)
    assert status == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in stacks and f"in {test}\n" in stacks


@pytest.mark.parametrize("test", ["test_ends", "test_watches_over_itself"])
def test_tests_that_end_are_left_alone(run_pytest, test):
    status, said, _ = run_pytest(test)
    assert (status, "1 passed" in said) == (0, True)
