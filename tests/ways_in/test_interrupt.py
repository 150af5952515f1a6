"""Ctrl-C ends a program under `ferraio run` as it does under `python`: the same words, and death by SIGINT.

Python notices a signal between two instructions, or when it interrupts a system call. One that arrives right
before the call that waits is noticed after it, so the tests send theirs when the system says that the program
waits.
"""

import signal
from pathlib import Path

import pytest

from .child_process import Outcome, wait_until_asleep

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at threads in /proc")

# Each prints a line before it begins to wait for the signal.
PROGRAMS = {
    "sleeping": "import time\nprint('ready', flush=True)\ntime.sleep(3600)",
    "in_asyncio_run": """
import asyncio
async def main():
    print('ready', flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
""",
    "cleans_up": """
import asyncio
async def main():
    try:
        print('ready', flush=True)
        await asyncio.sleep(3600)
    finally:
        print('cleaned up')
asyncio.run(main())
""",
    "swallows_it": """
import asyncio, sys
async def main():
    try:
        print('ready', flush=True)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print('cancelled', asyncio.current_task().cancelling())
        return 3
sys.exit(asyncio.run(main()))
""",
    "catches_it_outside": """
import asyncio
async def main():
    print('ready', flush=True)
    await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(3600))
try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    print('caught', repr(error), repr(error.__context__))
""",
    "with_run_forever": """
import asyncio
loop = asyncio.new_event_loop()
loop.call_soon(lambda: print('ready', flush=True))
try:
    loop.run_forever()
finally:
    print('running', loop.is_running())
    loop.close()
""",
    "own_handler": """
import asyncio, signal
async def main():
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, done.set)
    print('ready', flush=True)
    await done.wait()
    print('handled')
asyncio.run(main())
""",
    "with_an_atexit_function": """
import atexit, time
atexit.register(print, 'at exit')
print('ready', flush=True)
time.sleep(3600)
""",
    "with_a_handler_in_python": """
import signal, time
def handler(signal, frame):
    raise LookupError(signal, frame.f_lineno)
signal.signal(signal.SIGINT, handler)
print('ready', flush=True)
time.sleep(3600)
""",
}


def interrupt(launcher, *arguments):
    with launcher.start(*arguments) as child:
        ready = child.stdout.readline()
        wait_until_asleep(child)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate()
    assert ready == "ready\n", errors
    # The frames of the loop, and of its selector, are not the program's: asyncio's are in Python, most of
    # ours are not.
    return Outcome(child.returncode, output, errors).without_frames_of(
        "/asyncio/", "/selectors.py", "/ferraio/_event_loop.py"
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_interrupt_ends_the_script_as_under_python(name, python, ferraio_command, write):
    write("script.py", PROGRAMS[name].lstrip("\n"))
    assert interrupt(ferraio_command, "run", "script.py") == interrupt(python, "script.py")


def test_interrupt_kills_python_m_ferraio_too(python, write):
    write("script.py", PROGRAMS["in_asyncio_run"].lstrip("\n"))
    outcome = interrupt(python, "-m", "ferraio", "run", "-m", "script")
    assert outcome.status == -signal.SIGINT
    assert outcome.errors.endswith("KeyboardInterrupt\n")
    assert "runpy" not in outcome.errors
