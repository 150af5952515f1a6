"""The command `ferraio demo`: what it prints, what it refuses, and that nothing it started stays."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from ferraio.demo import command

QUICK = ["--delay", "0", "--calls", "6", "--concurrency", "3", "--rounds", "1"]


def test_the_table_shows_both_loops_side_by_side():
    outcome = subprocess.run(
        [sys.executable, "-m", "ferraio", "demo", *QUICK], capture_output=True, text=True, timeout=300
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    assert re.match(r"An agent on the anthropic SDK [\d.]+, Python 3\.", lines[0])
    assert re.fullmatch(r" +-+ asyncio -+ +-+ ferraio -+", lines[2])
    assert lines[3].split() == ["calls", *["wall", "CPU", "in", "turn"] * 2]
    time = r" +[\d.]+ m?s"
    for line, start in zip(
        lines[4:9],
        [
            r"three calls, one by one +3",
            r"three calls with gather +3",
            r"a TaskGroup of tools +5",
            r"6 calls, 3 at a time +6",
            r"one streamed call +1",
        ],
        strict=True,
    ):
        assert re.fullmatch(start + time * 6, line), line
    assert re.match(r"6 calls, 3 at a time, took \d+ ms on ferraio; one after another they take", lines[12])
    assert re.match(r"For them ferraio used \d+ ms of the processor, asyncio \d+ ms,", lines[13])
    assert lines[14] == "one round, which is too few to compare them."


def test_one_loop_alone_is_measured_on_that_loop(capsys):
    assert command.main(["--loop", "asyncio", "--json", *QUICK]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["live"], told["delay"]) == (False, 0.0)
    (run,) = told["runs"]
    assert run["loop"] == "asyncio"
    assert run["loop_class"].startswith("asyncio.")
    assert [part["calls"] for part in run["parts"]] == [3, 3, 5, 6, 1]


def test_ferraio_alone_is_measured_on_ferraio(capsys):
    assert command.main(["--loop", "ferraio", "--json", *QUICK]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["loop_class"].startswith("ferraio.")


def figures(loop, cpu, wall=0.5):
    part = {"part": "p", "calls": 200, "wall": wall, "cpu": cpu, "one_after_another": 10.5}
    return {"loop": loop, "python": "3.13.0", "sdk": "1.0", "parts": [part] * 5}


def measured(monkeypatch, capsys, arguments, *runs):
    """The output of the command when these are the runs."""
    waiting = iter(runs)
    monkeypatch.setattr(command, "_run", lambda loop, options: next(waiting))
    assert command.main(arguments) == 0
    return capsys.readouterr().out


def outcome_of_rounds(monkeypatch, capsys, asyncio_cpu, ferraio_cpu):
    runs = []
    for before, used in zip(asyncio_cpu, ferraio_cpu, strict=True):
        runs += [figures("asyncio", before), figures("ferraio", used)]
    return measured(monkeypatch, capsys, ["--rounds", str(len(asyncio_cpu))], *runs)


@pytest.mark.parametrize(
    ("asyncio_cpu", "ferraio_cpu", "said"),
    [
        ([0.40, 0.41, 0.39], [0.30, 0.28, 0.32], "25 % less on ferraio, and so in each of 3 rounds."),
        ([0.40, 0.41, 0.39], [0.50, 0.48, 0.52], "25 % more on ferraio, and so in each of 3 rounds."),
        ([0.40, 0.50, 0.41], [0.30, 0.45, 0.31], "no clear difference, the 3 rounds overlap."),
        ([0.40, 0.40], [0.40, 0.40], "no clear difference, the 2 rounds overlap."),
        ([0.40], [0.10], "one round, which is too few to compare them."),
    ],
)
def test_a_difference_is_claimed_only_if_every_round_shows_it(monkeypatch, capsys, asyncio_cpu, ferraio_cpu, said):
    output = outcome_of_rounds(monkeypatch, capsys, asyncio_cpu, ferraio_cpu)
    assert "p, took 500 ms on ferraio; one after another they take 10.50 s." in output
    assert output.endswith(f"{said}\n")


def test_the_loops_take_turns_and_the_table_has_the_medians(monkeypatch, capsys):
    output = outcome_of_rounds(monkeypatch, capsys, [0.1, 0.9, 0.2], [0.3, 0.8, 0.4])
    assert "For them ferraio used 400 ms of the processor, asyncio 200 ms," in output
    assert "Medians of 3 rounds." in output


def test_the_conclusion_of_one_loop_compares_with_nothing(monkeypatch, capsys):
    output = measured(monkeypatch, capsys, ["--loop", "asyncio", "--rounds", "1"], figures("asyncio", 0.4))
    assert output.endswith("p, took 500 ms on asyncio; one after another they take 10.50 s.\n")


def test_live_needs_the_key_and_names_it(monkeypatch, capsys):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert command.main(["--live"]) == 2
    assert capsys.readouterr().err == (
        "ferraio demo: --live asks the real service and needs your key in the environment variable ANTHROPIC_API_KEY\n"
    )


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        ([], {"--model": "claude-haiku-4-5", "--calls": "10", "--concurrency": "5"}),
        (["--model", "x", "--calls", "3"], {"--model": "x", "--calls": "3", "--concurrency": "5"}),
    ],
)
def test_live_makes_few_calls_and_starts_no_stub(monkeypatch, capsys, arguments, passed_on):
    commands = []

    def record(line, environment, loop):
        commands.append(dict(zip(line[3::2], line[4::2], strict=True)))
        return figures(loop, 0.1)

    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setattr(command, "_output_of", record)
    assert command.main(["--live", *arguments]) == 0
    assert commands == [{"--loop": loop, **passed_on} for loop in ("asyncio", "ferraio")]
    assert "The answers come from the real service." in capsys.readouterr().out


def test_without_the_sdk_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main([]) == 2
    assert capsys.readouterr().err == ("ferraio demo: it needs the anthropic SDK: pip install 'ferraio[demo]'\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--delay", "-1"],
        ["--delay", "nan"],
        ["--delay", "soon"],
        ["--calls", "0"],
        ["--rounds", "0"],
        ["--concurrency", "-5"],
        ["--loop", "uvloop"],
    ],
)
def test_nonsense_is_refused_with_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ferraio demo ")


def test_an_agent_that_fails_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    assert command.main(["--live", "--loop", "asyncio"]) == 1
    assert capsys.readouterr().err == "ferraio demo: the agent failed on asyncio (exit code 1)\n"


def test_a_server_that_does_not_start_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert command.main(["--loop", "asyncio"]) == 1
    assert "the stub model server did not start (exit code 1)" in capsys.readouterr().err


def test_ctrl_c_ends_the_agent_and_is_told(monkeypatch, capsys, tmp_path):
    pid_file = tmp_path / "pid"
    agent = (
        "import os, signal, sys\n"
        f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "signal.pause()\n"
    )
    real = command._output_of
    monkeypatch.setattr(
        command,
        "_output_of",
        lambda line, environment, loop: real([sys.executable, "-c", agent], environment, loop),
    )
    assert command.main(["--loop", "asyncio"]) == 130
    assert capsys.readouterr().err == "ferraio demo: stopped\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), signal.SIGWINCH)
