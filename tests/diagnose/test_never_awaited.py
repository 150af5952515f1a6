"""FER001 where the programs of the corpus do not reach: filters of warnings, odd sources, the end of the process."""

import asyncio
import gc
import linecache
import logging
import subprocess
import sys
import threading
import warnings

import ferraio
import pytest
from ferraio.diagnose import reporter


async def save():
    pass


def test_the_usual_warning_is_given_with_its_usual_text(diagnosing):
    diagnosing("hint")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save()
        line = sys._getframe().f_lineno - 1
    (warning,) = caught
    assert (str(warning.message), warning.category) == ("coroutine 'save' was never awaited", RuntimeWarning)
    assert (warning.filename, warning.lineno) == (__file__, line)


def test_a_program_that_shows_warnings_itself_gets_them(diagnosing, monkeypatch, capsys):
    diagnosing("hint,format=concise")
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest, **more: shown.append(str(message)))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda message, *rest, **more: shown.append(str(message)))
        save()
    assert shown == ["coroutine 'save' was never awaited"]
    assert capsys.readouterr().err.count("FER001") == 1


@pytest.mark.parametrize(
    "options",
    [
        {"action": "ignore"},
        {"action": "ignore", "category": RuntimeWarning},
        {"action": "ignore", "message": "coroutine 'save'"},
        {"action": "ignore", "module": __name__.replace(".", r"\.")},
    ],
    ids=str,
)
def test_who_ignores_the_warning_ignores_the_finding(diagnosing, options):
    found = diagnosing("hint")
    with warnings.catch_warnings():
        warnings.filterwarnings(**options)
        save()
    assert found == []


@pytest.mark.parametrize(
    "options",
    [{"action": "ignore", "message": "something else"}, {"action": "ignore", "category": UserWarning}],
    ids=str,
)
def test_other_filters_ignore_nothing(diagnosing, options):
    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        warnings.filterwarnings(**options)
        save()
    assert len(found) == 1


def test_a_warning_that_is_an_error_is_unraisable_as_ever(diagnosing, monkeypatch):
    found = diagnosing("hint")
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: unraisable.append(str(problem.exc_value)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save()
    assert unraisable == ["coroutine 'save' was never awaited"]
    assert len(found) == 1


def test_debug_mode_still_says_where_the_coroutine_was_made(diagnosing):
    async def main():
        save()

    diagnosing("hint")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ferraio.run(main(), debug=True)
    text = str(caught[0].message)
    assert text.startswith("coroutine 'save' was never awaited\nCoroutine created at (most recent call last)\n")
    assert "save()" in text.splitlines()[-1]


def test_a_broken_report_is_no_trouble_for_the_warning(diagnosing, monkeypatch, capsys):
    def broken(finding, **more):
        raise ZeroDivisionError("broken")

    diagnosing("hint")
    monkeypatch.setattr(reporter, "report", broken)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        save()
    assert "could not report a finding: ZeroDivisionError: broken" in capsys.readouterr().err


def test_a_warning_is_printed_if_its_finding_could_not_be():
    program = """
from ferraio.diagnose import rendering
rendering.render = lambda finding, form: 1 // 0
async def save(): pass
save()
"""
    command = [sys.executable, "-m", "ferraio", "run", "--output-format", "full", "-c", program]
    written = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
    assert "could not report a finding: ZeroDivisionError" in written
    assert "RuntimeWarning: coroutine 'save' was never awaited" in written


def test_the_task_is_named_when_it_made_the_coroutine(diagnosing, capsys):
    async def work():
        save()

    async def main():
        await asyncio.create_task(work(), name="worker")

    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        ferraio.run(main())
    assert [finding.task for finding in found] == ["worker"]


def test_a_coroutine_of_another_task_is_not_pinned_on_the_running_one(diagnosing):
    held = []

    async def make():
        held.append(save())

    async def main():
        await asyncio.create_task(make(), name="maker")
        await asyncio.create_task(drop(), name="dropper")

    async def drop():
        held.clear()

    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        ferraio.run(main())
    assert [(finding.place.function, finding.task) for finding in found] == [(make.__qualname__, None)]


SOURCE = """
async def save():
    pass

def forget():
    result = save()
"""


@pytest.mark.parametrize("filename", ["<string>", "/nowhere/app.py", "<frozen app>", ""])
def test_code_without_a_source_has_its_line_all_the_same(diagnosing, capsys, filename):
    names = {}
    exec(compile(SOURCE, filename, "exec"), names)
    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        names["forget"]()
    assert [(finding.place.filename, finding.place.line) for finding in found] == [(filename, 6)]
    assert "error[FER001]: coroutine save() was never awaited" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "def (:\n", "x = 1\n" * 20, "\0", "(" * 500], ids=repr)
def test_a_source_that_was_changed_meanwhile_is_no_trouble(diagnosing, capsys, tmp_path, text):
    path = tmp_path / "app.py"
    names = {}
    exec(compile(SOURCE, str(path), "exec"), names)
    path.write_text(text)
    linecache.checkcache()
    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        names["forget"]()
    assert [finding.place.line for finding in found] == [6]
    assert "could not report" not in capsys.readouterr().err


def test_threads_without_a_loop(diagnosing):
    found = diagnosing("hint")
    with warnings.catch_warnings(record=True):
        thread = threading.Thread(target=save)
        thread.start()
        thread.join()
    # The call is made by the threading module, in a thread whose calls are not noted.
    assert [finding.message for finding in found] == ["coroutine save() was never awaited"]


def test_a_garbage_cycle_is_reported_at_the_line_of_the_call(diagnosing):
    found = diagnosing("hint")
    cycle = [save()]
    line = sys._getframe().f_lineno - 1
    cycle.append(cycle)
    del cycle
    with warnings.catch_warnings(record=True):
        gc.collect()
    assert [finding.place.line for finding in found] == [line]


PROGRAM_THAT_ENDS = """
import asyncio, sys, ferraio
from ferraio import diagnose

async def save():
    pass

diagnose.start(diagnose.parse("hint"))
class Holder: pass
holder = Holder()
holder.me = holder
holder.coroutine = save()
sys.modules["holder"] = holder
{ending}
"""


@pytest.mark.parametrize(
    "ending", ["", "sys.stderr.close()", "sys.stderr = None", "import os; os.close(2)", "sys.exit(0)"], ids=repr
)
def test_the_end_of_the_process_is_quiet_and_in_time(ending):
    outcome = subprocess.run(
        [sys.executable, "-c", PROGRAM_THAT_ENDS.format(ending=ending)], capture_output=True, text=True, timeout=60
    )
    assert outcome.returncode == 0
    assert "Traceback" not in outcome.stderr


def test_the_interactive_console_reports_too():
    lines = "async def save(): pass\n\nimport warnings\nsave()\nimport asyncio\nasyncio.sleep(0)\n"
    outcome = subprocess.run(
        [sys.executable, "-c", "from ferraio import diagnose; diagnose.start(diagnose.parse('hint'))\n"
         "import code; code.interact(banner='', exitmsg='')"],
        input=lines, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert outcome.returncode == 0
    # The console keeps the last value in `_`, and lets it go when there is another.
    assert "coroutine save() was never awaited" in outcome.stderr


def test_in_log_mode_ten_thousand_findings_make_five_records(diagnosing, caplog):
    diagnosing("log")
    with caplog.at_level(logging.WARNING, "ferraio"), warnings.catch_warnings(record=True):
        for _ in range(10_000):
            save()
    counts = [record.count for record in caplog.records if record.code == "FER001"]
    assert counts == [1, 10, 100, 1000, 10_000]
