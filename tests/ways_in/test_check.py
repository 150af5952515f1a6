"""``ferraio check`` on the command line, and ``ferraio.check`` for programs."""

import json
import os
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


def test_what_is_excluded_is_left_out_where_it_is_named_if_that_is_wanted(program):
    Path("pyproject.toml").write_text('[tool.ferraio]\nextend-exclude = ["app.py"]\n')
    assert ferraio_check("app.py").returncode == 1
    assert ferraio_check("--force-exclude", "app.py").returncode == 0


def test_modules_of_a_package_that_is_named_do_not_hide_the_library(program):
    package = Path("shop")
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "os.py").write_text("async def remove(path): ...\n")
    (package / "main.py").write_text("import os\n\n\nasync def main():\n    os.remove('x')\n")
    assert "FER001" not in ferraio_check("shop", "--output-format", "concise").stdout


def test_programs_get_findings_as_dictionaries(program):
    [finding] = check.check("app.py")
    assert finding["code"] == "FER001"
    assert finding["location"] == {"row": 8, "column": 5}
    with pytest.raises(ValueError, match="unknown rule selector"):
        check.check("app.py", options=("--select", "NONSENSE"))


def test_a_script_is_looked_at_before_it_runs(program):
    [(code, line, column, text)] = check.check_script("app.py")
    assert (code, line, column) == ("FER001", 8, 4)
    assert "`save()` is never awaited" in text
    assert check.check_script("missing.py") == []


def test_a_rule_is_explained_by_code_and_by_name():
    assert check.explain("FER001") == check.explain("never-awaited") != ""
    assert check.explain("FER999") is None


SCRIPT = """\
import asyncio

print("it runs")


async def save(): ...


async def main(really):
    if really:
        save()


asyncio.run(main(False))
"""


def ferraio_run(*arguments: str, script: str = SCRIPT, **environment: str) -> subprocess.CompletedProcess[str]:
    Path("script.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if name not in ("FERRAIO", "FORCE_COLOR")}
    command = [sys.executable, "-m", "ferraio", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=kept | environment)


def test_a_script_that_is_run_with_hints_is_looked_at_before(program):
    done = ferraio_run("script.py", FERRAIO="hint")
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    assert done.stderr.startswith("error[FER001]: `save()` is never awaited\n  --> script.py:11:9\n")
    assert "seen in the source, before the program runs" in done.stderr
    assert "11 |         await save()" in done.stderr


def test_a_module_that_is_run_with_hints_is_looked_at_before(program):
    done = ferraio_run("-m", "script", FERRAIO="hint,format=concise")
    assert done.stderr.startswith("script.py:11:9: FER001 `save()` is never awaited\n")


def test_what_was_told_before_takes_a_line_when_it_happens(program):
    done = ferraio_run("script.py", script=SCRIPT.replace("main(False)", "main(True)"), FERRAIO="hint")
    assert done.stderr.count("error[FER001]") == 1
    assert "script.py:11:9: FER001 coroutine save() was never awaited\n" in done.stderr
    assert done.stderr.endswith("; 1 FER001\n")


def test_what_python_does_not_compile_is_told_before(program):
    done = ferraio_run("script.py", script="def handle():\n    await save()\n", FERRAIO="hint")
    assert done.returncode == 1
    assert done.stderr.startswith("error[FER003]: `await` outside async function: `handle` is a plain `def`")


@pytest.mark.parametrize("choice", ["off", "log", "hint,ignore=FER001", "hint,format=json"])
def test_nothing_is_told_before_where_nobody_wants_to_hear_it(program, choice):
    assert "is never awaited" not in ferraio_run("script.py", FERRAIO=choice).stderr


def test_the_configuration_and_noqa_hold_before_a_run_too(program):
    silenced = SCRIPT.replace("        save()", "        save()  # noqa: FER001")
    assert "is never awaited" not in ferraio_run("script.py", script=silenced, FERRAIO="hint").stderr
    Path("pyproject.toml").write_text('[tool.ferraio]\nignore = ["FER001"]\n')
    assert "is never awaited" not in ferraio_run("script.py", FERRAIO="hint").stderr
    Path("pyproject.toml").write_text("[tool.ferraio]\nunheard-of = 1\n")
    assert "is never awaited" in ferraio_run("script.py", FERRAIO="hint").stderr


def test_rules_are_shown_by_the_names_that_the_checker_has_for_them(program):
    by_name = subprocess.run([sys.executable, "-m", "ferraio", "rule", "nested-run"], capture_output=True, text=True)
    assert by_name.stdout.startswith("# FER004 ")
    assert check.code_of("dropped-task") == check.code_of("fer006") == "FER006"
    assert check.code_of("nonsense") is None


def test_each_output_format_tells_the_same_place(program):
    assert "app.py:8:5: FER001" in ferraio_check("app.py", "--output-format", "concise").stdout
    assert "file=app.py,line=8,col=5" in ferraio_check("app.py", "--output-format", "github").stdout
    sarif = json.loads(ferraio_check("app.py", "--output-format", "sarif").stdout)
    [result] = sarif["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (sarif["version"], result["ruleId"], region["startLine"], region["startColumn"]) == ("2.1.0", "FER001", 8, 5)
    assert {"FER001", "FER108"} <= {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}


def test_stubs_are_followed_and_checked(program):
    Path("store.pyi").write_text("async def save() -> int: ...\n")
    program.write_text("from store import save\n\n\nasync def main():\n    save()\n")
    done = ferraio_check(".", "--output-format", "concise")
    assert "app.py:5:5: FER001" in done.stdout
