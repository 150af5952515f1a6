"""``ferraio check`` on the command line, and ``ferraio.check`` for programs."""

import subprocess
import sys
from pathlib import Path

import pytest
from ferraio import check

PROGRAM = """\
import asyncio


async def save(): ...


async def main():
    save()


asyncio.run(main())
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "app.py"
    path.write_text(PROGRAM)
    return path


def ferraio_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ferraio", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_what_is_wrong_is_told_and_the_status_is_1(program):
    done = ferraio_check("app.py")
    assert done.returncode == 1
    assert "error[FER001]: `save()` is never awaited" in done.stdout
    assert "8 |     await save()" in done.stdout


def test_the_status_is_0_if_nothing_is_wrong_and_2_if_it_cannot_be_told(program):
    program.write_text("import asyncio\n")
    assert ferraio_check(".").returncode == 0
    wrong = ferraio_check("--select", "NONSENSE", ".")
    assert wrong.returncode == 2
    assert "unknown rule selector: `NONSENSE`" in wrong.stderr


def test_a_missing_await_is_added_by_fix(program):
    done = ferraio_check("--fix", "app.py")
    assert done.returncode == 0, done.stdout
    assert "    await save()\n" in program.read_text()


def test_the_second_run_tells_the_same_from_the_cache(program):
    first, second = ferraio_check("."), ferraio_check(".")
    assert first.stdout == second.stdout
    assert list(Path(".ferraio_cache").glob("*.json"))
    program.write_text(PROGRAM.replace("    save()", "    await save()"))
    assert ferraio_check(".").returncode == 0


def test_the_cache_knows_what_a_file_imports(program):
    Path("store.py").write_text("def save(): ...\n")
    program.write_text("from store import save\n\n\nasync def main():\n    save()\n")
    assert ferraio_check(".").returncode == 0
    Path("store.py").write_text("async def save(): ...\n")
    assert ferraio_check(".").returncode == 1


def test_the_configuration_is_that_of_the_project(program):
    Path("pyproject.toml").write_text('[tool.ferraio]\nignore = ["FER001"]\n')
    assert ferraio_check(".").returncode == 0
    Path("pyproject.toml").write_text('[tool.ferraio.per-file-ignores]\n"app.py" = ["never-awaited"]\n')
    assert ferraio_check(".").returncode == 0
    Path("pyproject.toml").write_text("[tool.ferraio]\nunheard-of = 1\n")
    assert ferraio_check(".").returncode == 2


def test_programs_get_findings_as_dictionaries(program):
    [finding] = check.check("app.py")
    assert finding["code"] == "FER001"
    assert finding["location"] == {"row": 8, "column": 5}
    with pytest.raises(ValueError, match="unknown rule selector"):
        check.check("app.py", options=("--select", "NONSENSE"))


def test_a_script_is_looked_at_before_it_runs(program):
    assert "`save()` is never awaited" in check.check_script("app.py")
    assert check.check_script("missing.py") == ""


def test_a_rule_is_explained_by_code_and_by_name():
    assert check.explain("FER001") == check.explain("never-awaited") != ""
    assert check.explain("FER999") is None
