"""The command `ferraio` itself: help, version, and what it says to a wrong command line."""

import ferraio
import pytest


def test_version(ferraio_command, python):
    outcome = ferraio_command("--version")
    assert (outcome.status, outcome.output) == (0, f"ferraio {ferraio.__version__}\n")
    assert python("-m", "ferraio", "--version") == outcome


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_names_every_command(arguments, ferraio_command, python):
    outcome = ferraio_command(*arguments)
    assert (outcome.status, outcome.errors) == (0, "")
    for command in ("run", "repl", "demo"):
        assert f"\n    {command} " in outcome.output
    assert python("-m", "ferraio", *arguments) == outcome


@pytest.mark.parametrize("command", ["run", "repl", "demo"])
def test_each_command_has_help(command, ferraio_command):
    outcome = ferraio_command(command, "--help")
    assert (outcome.status, outcome.errors) == (0, "")
    assert outcome.output.startswith(f"usage: ferraio {command}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "command"),
        (["script.py"], "script.py"),
        (["repl", "more"], "unrecognized arguments: more"),
        (["run"], "a script, -m module, -c code or - is required"),
        (["run", "-m"], "argument expected for the -m option"),
        (["run", "-c"], "argument expected for the -c option"),
        (["run", "-x", "script.py"], "unknown option -x"),
        (["run", "--debug", "script.py"], "unknown option --debug"),
    ],
    ids=" ".join,
)
def test_wrong_command_line_is_explained(arguments, words, ferraio_command):
    outcome = ferraio_command(*arguments)
    assert (outcome.status, outcome.output) == (2, "")
    assert outcome.errors.startswith("usage: ferraio")
    assert words in outcome.errors


def test_running_a_program_needs_no_argparse(ferraio_command, write):
    write("script.py", "import sys; print('argparse' in sys.modules)")
    assert ferraio_command("run", "script.py").output == "False\n"
