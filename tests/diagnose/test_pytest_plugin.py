"""``pytest --ferraio``: tests that leave mistakes behind."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

TESTS = """
import asyncio
import warnings


async def save():
    return 1


def test_good():
    asyncio.run(save())


def test_forgets():
    async def main():
        save()

    asyncio.run(main())


async def fail():
    raise OSError("disk full")


def test_loses_a_task():
    async def main():
        asyncio.create_task(fail())
        await asyncio.sleep(0)

    asyncio.run(main())


def test_waits_for_ever():
    async def main():
        await asyncio.Event().wait()

    asyncio.run(main())


def test_forgets_in_garbage():
    cycle = [save()]
    cycle.append(cycle)


def test_silences():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save()
"""


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest on the tests above; returns its exit status and what it said."""
    (tmp_path / "test_program.py").write_text(TESTS)
    installed = any(point.name == "ferraio" for point in importlib.metadata.entry_points(group="pytest11"))

    def run_pytest(*arguments):
        plugin = [] if installed else ["-p", "ferraio.pytest_plugin"]
        outcome = subprocess.run(
            [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-rfE", *arguments],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return outcome.returncode, outcome.stdout

    return run_pytest


def test_without_the_option_nothing_is_said(run_pytest):
    status, output = run_pytest("-k", "not waits_for_ever")
    assert status == 0
    assert "FER001" not in output


def test_hints_are_told_at_the_end_and_fail_nothing(run_pytest):
    status, output = run_pytest("--ferraio", "test_program.py", "-k", "not waits_for_ever")
    assert (status, output.count("error[FER001]")) == (0, 2)
    assert "test_program.py::test_forgets" in output
    assert "write `await save()`" in output


def test_strict_fails_the_tests_with_mistakes_and_no_other(run_pytest):
    status, output = run_pytest("--ferraio=strict", "test_program.py")
    assert status == 1
    assert "4 failed, 2 passed" in output
    assert "FAILED test_program.py::test_loses_a_task - " in output
    assert "FAILED test_program.py::test_waits_for_ever - " in output
    assert "ERROR test_program" not in output
    assert "FAILED test_program.py::test_forgets - " in output
    assert "FAILED test_program.py::test_forgets_in_garbage - " in output


def test_an_unknown_mode_is_refused(run_pytest):
    status, _ = run_pytest("--ferraio=strct", "test_program.py")
    assert status == pytest.ExitCode.USAGE_ERROR
