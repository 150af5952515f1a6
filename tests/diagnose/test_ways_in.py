"""How diagnosing is switched on: by `ferraio.run`, by FERRAIO, by `ferraio run`; and that it leaves no trace."""

import asyncio
import json
import logging
import os
import pty
import subprocess
import sys
import textwrap
import threading
import warnings

import ferraio
import pytest
from ferraio import _diagnosing, diagnose
from ferraio.diagnose import reporter

FORGETS = """\
import asyncio

async def save():
    pass

async def main():
    result = save()

asyncio.run(main())
"""


async def save():
    pass


async def forget():
    result = save()  # noqa: F841


@pytest.fixture(autouse=True)
def nothing_was_found(monkeypatch):
    monkeypatch.delenv("FERRAIO", raising=False)
    reporter.forget()
    yield
    reporter.forget()


@pytest.fixture
def command(tmp_path):
    """Run `ferraio …` in a directory of its own: `command("run", "app.py", FERRAIO="hint")`."""
    (tmp_path / "app.py").write_text(FORGETS)

    def command(*arguments, program=None, **environment):
        if program is not None:
            (tmp_path / "app.py").write_text(program)
        kept = {name: value for name, value in os.environ.items() if name not in ("FERRAIO", "FORCE_COLOR", "NO_COLOR")}
        return subprocess.run(
            [sys.executable, "-m", "ferraio", *arguments],
            cwd=tmp_path,
            env=kept | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return command


def hooks():
    loop = asyncio.BaseEventLoop
    return (
        warnings._warn_unawaited_coroutine,
        warnings._showwarnmsg_impl,
        loop.__init__,
        loop.close,
        loop.default_exception_handler,
        threading.excepthook,
        loop._set_coroutine_origin_tracking,
        sys.get_coroutine_origin_tracking_depth(),
    )


@pytest.mark.parametrize("mode", ["hint", "strict", "log", "off", None])
def test_a_run_leaves_everything_as_it_was(mode, capsys):
    before = hooks()
    with warnings.catch_warnings(record=True):
        try:
            ferraio.run(forget(), diagnose=mode)
        except diagnose.FindingsError:
            assert mode == "strict"
    assert hooks() == before
    assert diagnose.current() is None


def test_run_with_hints(capsys):
    ferraio.run(forget(), diagnose="hint,format=concise")
    assert capsys.readouterr().err.endswith("FER001 coroutine save() was never awaited\n")


def test_run_returns_its_result_and_raises_its_error():
    async def fail():
        raise KeyError("x")

    assert ferraio.run(asyncio.sleep(0, "result"), diagnose="hint") == "result"
    with pytest.raises(KeyError):
        ferraio.run(fail(), diagnose="strict")


def test_strict_complains_at_the_end_of_the_run(capsys):
    with pytest.raises(diagnose.FindingsError, match="1 mistake found"):
        ferraio.run(forget(), diagnose="strict")
    assert "error[FER001]" in capsys.readouterr().err


def test_strict_does_not_hide_the_error_of_the_run(capsys):
    async def main():
        save()
        raise KeyError("x")

    with pytest.raises(KeyError):
        ferraio.run(main(), diagnose="strict")


def test_without_a_choice_there_is_a_record_and_the_usual_warning(caplog):
    with caplog.at_level(logging.WARNING, "ferraio"), pytest.warns(RuntimeWarning, match="'save' was never awaited"):
        ferraio.run(forget())
    (record,) = caplog.records
    assert (record.name, record.code, record.count) == ("ferraio", "FER001", 1)


def test_without_a_choice_the_first_finding_makes_the_next_ones_exact(caplog):
    async def main():
        await forget()
        first = save()
        del first
        second = save()
        line = sys._getframe().f_lineno - 1
        second = None  # noqa: F841
        return line

    with caplog.at_level(logging.WARNING, "ferraio"), warnings.catch_warnings(record=True):
        line = ferraio.run(main())
    assert line in [record.line for record in caplog.records]


def test_without_a_choice_a_loop_that_has_run_for_a_while_is_diagnosed(monkeypatch, caplog):
    monkeypatch.setattr(_diagnosing, "BEGINS_AFTER", 0.0)
    reported = threading.Event()
    monkeypatch.setattr(reporter, "observers", [lambda _: reported.set()])
    seen = []

    async def main():
        seen.append(diagnose.current())
        await asyncio.sleep(0.001)
        seen.append(diagnose.current().settings)
        reported.wait()  # which blocks the loop until that is reported

    ferraio.run(main())
    assert seen == [None, diagnose.Settings(mode="log")]
    # In debug mode, asyncio warns of the slow step as well.
    finding = next(record for record in caplog.records if hasattr(record, "code"))
    assert finding.code == "FER002"
    assert finding.line == main.__code__.co_firstlineno + 4
    assert diagnose.current() is None


def test_without_a_choice_a_short_run_is_over_before_diagnosing_begins(command):
    program = """
        import asyncio, sys

        async def main():
            await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(10)))
            print([name for name in sys.modules if name.startswith("ferraio.diagnose")])

        asyncio.run(main())
        """
    assert command("run", "app.py", program=textwrap.dedent(program)).stdout == "[]\n"


def test_without_a_choice_a_diagnosis_that_cannot_begin_ends_nothing(monkeypatch, caplog):
    monkeypatch.setattr(_diagnosing, "BEGINS_AFTER", 0.0)

    def refuse(settings):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(diagnose, "start", refuse)
    assert ferraio.run(asyncio.sleep(0.001, "result")) == "result"
    assert "can't start new thread" in caplog.text


def test_once_a_run_without_a_choice_is_over_no_loop_begins_to_be_diagnosed(monkeypatch):
    monkeypatch.setattr(_diagnosing, "BEGINS_AFTER", 0.0)
    ferraio.run(asyncio.sleep(0))
    loop = ferraio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    assert diagnose.current() is None


def test_off_is_silent_but_for_the_usual_warning(caplog, capsys):
    with pytest.warns(RuntimeWarning, match="'save' was never awaited"):
        ferraio.run(forget(), diagnose="off")
    assert (caplog.records, reporter.counts()) == ([], {})


def test_the_environment_decides_for_a_run_without_a_choice(monkeypatch, capsys):
    monkeypatch.setenv("FERRAIO", "hint,format=concise")
    ferraio.run(forget())
    assert "FER001" in capsys.readouterr().err
    with pytest.warns(RuntimeWarning, match="'save' was never awaited"):
        ferraio.run(forget(), diagnose="off")
    assert reporter.counts() == {"FER001": 1}


@pytest.mark.parametrize("choice", ["hnt", "hint,slow=x", ""])
def test_a_bad_choice_is_a_value_error_that_says_so(choice):
    coroutine = save()
    with pytest.raises(ValueError, match=r"diagnose: "):
        ferraio.run(coroutine, diagnose=choice)
    coroutine.close()


def test_a_run_in_another_one_follows_its_own_choice(capsys):
    outer = diagnose.start(diagnose.parse("hint,format=concise"))
    try:
        with pytest.warns(RuntimeWarning, match="'save' was never awaited"):
            ferraio.run(forget(), diagnose="off")
        assert reporter.counts() == {}
        ferraio.run(forget())
        assert reporter.counts() == {"FER001": 1}
    finally:
        diagnose.stop(outer)


def test_runs_in_threads_without_a_choice_leave_no_trace():
    before = hooks()
    threads = [threading.Thread(target=lambda: ferraio.run(forget())) for _ in range(8)]
    with warnings.catch_warnings(record=True):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert hooks() == before


def test_a_program_whose_stderr_is_no_terminal_sees_what_python_shows(command):
    outcome = command("run", "app.py")
    assert (outcome.returncode, "FER001" in outcome.stderr) == (0, False)
    assert "RuntimeWarning: coroutine 'save' was never awaited" in outcome.stderr


def test_a_program_on_a_terminal_has_hints_in_colour(tmp_path):
    shown = on_a_terminal(tmp_path)
    assert "error[FER001]" in shown and "\x1b[" in shown
    assert "ferraio: " in shown.splitlines()[-1] and "1 FER001" in shown.splitlines()[-1]


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(tmp_path, variable):
    shown = on_a_terminal(tmp_path, **variable)
    assert "error[FER001]" in shown and "\x1b[" not in shown


def test_a_terminal_can_be_without_hints(tmp_path):
    assert "FER001" not in on_a_terminal(tmp_path, FERRAIO="off")


def on_a_terminal(directory, **environment):
    """Run the program with a terminal as its stderr; return what appears there."""
    (directory / "app.py").write_text(FORGETS)
    ours, its = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("FERRAIO", "NO_COLOR", "TERM")}
    subprocess.run(
        [sys.executable, "-m", "ferraio", "run", "app.py"],
        cwd=directory,
        env=kept | {"TERM": "xterm"} | environment,
        stderr=its,
        timeout=60,
        check=True,
    )
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # Linux tells so that nobody has the other end any more.
        pass
    os.close(ours)
    return shown.decode()


def test_json_on_request(command):
    outcome = command("run", "--output-format=json", "app.py")
    (finding,) = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert (finding["code"], finding["filename"], finding["location"]["row"]) == ("FER001", "app.py", 7)


def test_strict_makes_the_exit_status_1(command):
    assert command("run", "app.py", FERRAIO="strict").returncode == 1
    assert command("run", "app.py", FERRAIO="strict,ignore=FER001").returncode == 0
    assert command("run", "-c", "print(1)", FERRAIO="strict").returncode == 0


def test_strict_keeps_a_failing_exit_status(command):
    assert command("run", "app.py", program=FORGETS + "raise SystemExit(7)", FERRAIO="strict").returncode == 7
    assert command("run", "app.py", program=FORGETS + "raise SystemExit", FERRAIO="strict").returncode == 1


@pytest.mark.parametrize("choice", ["hnt", "hint,slwo=1", "slow=0"])
def test_a_bad_variable_is_explained(command, choice):
    outcome = command("run", "app.py", FERRAIO=choice)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("ferraio: FERRAIO: ") and outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["--output-format"], ["--output-format", "xml", "app.py"], ["--output-format=", "x"]]
)
def test_a_bad_output_format_is_explained(command, words):
    outcome = command("run", *words)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert "--output-format" in outcome.stderr


def test_a_program_without_findings_has_a_summary(command):
    outcome = command("run", "-c", "import asyncio; asyncio.run(asyncio.sleep(0))", FERRAIO="hint")
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("ferraio: ") and line.endswith("; no findings") and " tasks, " in line


def test_other_warnings_of_the_program_are_printed_as_ever(command):
    program = "import warnings; warnings.warn('old')"
    assert "app.py:1: UserWarning: old" in command("run", "app.py", program=program, FERRAIO="hint").stderr


def test_a_child_process_of_the_program_is_not_summarised(command):
    program = "import os\nif os.fork() == 0:\n    raise SystemExit(0)\nos.wait()"
    assert command("run", "app.py", program=program, FERRAIO="hint").stderr.count("ferraio: ") == 1


def test_rule_prints_its_page_and_the_list(command):
    listed = command("rule").stdout
    assert "FER001  never-awaited" in listed
    page = command("rule", "fer001")
    assert (page.returncode, page.stdout.startswith("# FER001")) == (0, True)
    unknown = command("rule", "FER999")
    assert (unknown.returncode, unknown.stderr) == (2, "ferraio: there is no rule FER999; `ferraio rule` lists all\n")


def test_what_is_not_needed_is_not_imported(command):
    program = "import sys, asyncio, ferraio\nferraio.run(asyncio.sleep(0))\n"
    program += "print([name for name in sys.modules if 'ferraio.diagnose' in name])"
    assert command("run", "app.py", program=program).stdout == "[]\n"


def test_install_diagnoses_when_the_environment_says_so(command):
    program = "import ferraio\nferraio.install()\n" + FORGETS
    python = [sys.executable, "-c", program]
    kept = {name: value for name, value in os.environ.items() if name != "FERRAIO"}
    for variable, shown in (({}, False), ({"FERRAIO": "hint"}, True), ({"FERRAIO": "off"}, False)):
        outcome = subprocess.run(python, env=kept | variable, capture_output=True, text=True, timeout=60)
        assert (outcome.returncode, "error[FER001]" in outcome.stderr) == (0, shown)


def test_uninstall_ends_what_install_began(monkeypatch):
    before = hooks()
    monkeypatch.setenv("FERRAIO", "hint")
    ferraio.install()
    ferraio.install()
    assert diagnose.current().settings.mode == "hint"
    ferraio.uninstall()
    assert (hooks(), diagnose.current()) == (before, None)


@pytest.mark.parametrize("ending", ["sys.modules.clear()", "del sys.modules['__main__']", "sys.stderr.close()"])
def test_a_program_may_end_in_ruins(command, ending):
    assert command("run", "app.py", program=f"import sys\n{ending}", FERRAIO="hint").returncode == 0
