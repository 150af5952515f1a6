"""`ferraio repl` is the console of `python -m asyncio`, on ferraio's loop."""

import signal
from dataclasses import replace
from pathlib import Path

import ferraio
import pytest

from .child_process import wait_until_asleep

INPUTS = {
    "expressions": "1 + 1\n'text'\n",
    "awaits": "await asyncio.sleep(0, 'slept')\n_ + '!'\n",
    "blocks": "async def f(): return 5\n\nawait f()\nasync def g():\n    return 6\n\nawait g()\n",
    "fails": "1 / 0\nawait asyncio.wait_for(asyncio.Event().wait(), 0)\n'on'\n",
    "syntax_error": "1 +\n'on'\n",
    "keeps_names": "x = 7\nx\n",
    "module": "__name__, sorted(name for name in globals() if name.startswith('__'))\n",
    "exits": "exit()\n",
    "exits_with_a_status": "import sys; sys.exit(4)\n",
    "nothing": "",
}


@pytest.mark.parametrize("name", INPUTS)
def test_console_looks_as_that_of_asyncio(name, python, ferraio_command):
    expected = python("-m", "asyncio", stdin=INPUTS[name])
    outcome = ferraio_command("repl", stdin=INPUTS[name])
    first, _, errors = outcome.errors.partition("\n")
    assert first.startswith(f"ferraio {ferraio.__version__}")

    assert (outcome.status, outcome.output) == (expected.status, expected.output)
    # What was typed has no file; the files are those of the loop and of the console.
    assert replace(outcome, errors=errors).without_frames_of("/") == expected.without_frames_of("/")


def test_console_runs_on_ferraio(ferraio_command):
    outcome = ferraio_command(
        "repl",
        stdin=(
            "import ferraio\n"
            "print(type(asyncio.get_running_loop()) is ferraio.EventLoop, asyncio.gather is ferraio.gather)\n"
            "async def kind(): return type(asyncio.current_task()) is ferraio.Task\n\n"
            "print(await kind())\n"
        ),
    )
    assert "True True" in outcome.output
    assert outcome.output.count("True") == 3


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at threads in /proc")
@pytest.mark.parametrize("waiting", ["await asyncio.sleep(3600)", "await asyncio.gather(asyncio.Event().wait())"])
def test_interrupt_cancels_what_is_awaited_and_the_console_goes_on(waiting, ferraio_command):
    with ferraio_command.start("repl") as console:
        console.stdin.write(f"print('rea' + 'dy', flush=True); {waiting}\n'the console ' + 'goes on'\n")
        console.stdin.flush()
        line = ""
        while "ready" not in line:
            line = console.stdout.readline()
            assert line, console.stderr.read()
        wait_until_asleep(console)
        console.send_signal(signal.SIGINT)
        output, errors = console.communicate()
    assert console.returncode == 0
    assert "KeyboardInterrupt" in errors
    assert "'the console goes on'" in output
