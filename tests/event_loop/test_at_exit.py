"""The end of the process: what Python says, and that nothing keeps it from ending."""

import subprocess
import sys

import pytest


def run_program(prepare, program):
    child = subprocess.run(
        [sys.executable, "-X", "dev", "-c", f"import asyncio\n{prepare}\n{program}"], capture_output=True, text=True
    )
    return child.returncode, child.stdout, child.stderr


@pytest.mark.parametrize("prepare", ["", "import ferraio; ferraio.install()"])
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("loop = asyncio.new_event_loop()", "ResourceWarning: unclosed event loop"),
        (
            "async def f(): await asyncio.sleep(0)\n"
            "loop = asyncio.new_event_loop()\n"
            "task = loop.create_task(f())\n"
            "loop.close()\n"
            "del task",
            "Task was destroyed but it is pending!",
        ),
        ("async def f(): pass\nf()", "RuntimeWarning: coroutine 'f' was never awaited"),
        ("async def f(): asyncio.sleep(1)\nasyncio.run(f())", "RuntimeWarning: coroutine 'sleep' was never awaited"),
        (
            "async def f(): asyncio.get_running_loop().create_future().set_exception(LookupError('lost'))\n"
            "asyncio.run(f())",
            "Future exception was never retrieved",
        ),
    ],
)
def test_what_python_says_at_the_end(prepare, program, expected):
    status, _, errors = run_program(prepare, program)
    assert status == 0, errors
    assert expected in errors


@pytest.mark.parametrize("prepare", ["", "import ferraio; ferraio.install()"])
def test_a_task_alive_at_exit_does_no_harm(prepare):
    program = """
import threading, sys
loop = asyncio.new_event_loop()
async def spin():
    print("spinning", flush=True)
    while True:
        await asyncio.sleep(0)
async def main():
    sys.exit_holder = asyncio.create_task(spin())
    await asyncio.sleep(0)
    raise SystemExit(7)
try:
    loop.run_until_complete(main())
finally:
    print("running", loop.is_running())
"""
    status, output, errors = run_program(prepare, program)
    assert (status, output) == (7, "spinning\nrunning False\n"), errors
    assert "panicked" not in errors


def test_a_daemon_thread_with_a_running_loop_does_not_keep_python_from_ending():
    program = """
import ferraio, threading
ready = threading.Event()
async def main():
    ready.set()
    while True:
        await asyncio.sleep(0.001)
threading.Thread(target=lambda: ferraio.run(main(), install=False), daemon=True).start()
ready.wait()
"""
    status, _, errors = run_program("", program)
    assert status == 0, errors
    assert "panicked" not in errors
