"""From Python 3.14 on, asyncio keeps the running task and the list of all tasks in the state of each thread.

ferraio finds the place of both when it is imported, and then goes there by itself. Where it could not, it would
call asyncio's functions, several times for each task: right, but slow, and no other test would notice.
"""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="asyncio keeps them in a dict and a set")

PROGRAM = """
import _asyncio

called = []


def count_calls_of(name):
    original = getattr(_asyncio, name)

    def counted(*args, **kwargs):
        called.append(name)
        return original(*args, **kwargs)

    setattr(_asyncio, name, counted)


for name in ("_swap_current_task", "_enter_task", "_leave_task", "_register_task", "_unregister_task"):
    count_calls_of(name)

import asyncio
import threading

import ferraio

assert called, "ferraio has tried them out"
called.clear()


async def child():
    assert asyncio.current_task() in asyncio.all_tasks()
    await asyncio.sleep(0)
    assert asyncio.current_task() in asyncio.all_tasks()


async def main():
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.gather(*[child() for _ in range(100)])
    assert asyncio.all_tasks() == {asyncio.current_task()}


ferraio.run(main())
thread = threading.Thread(target=ferraio.run, args=(main(),))
thread.start()
thread.join()
print(*called)
"""


def test_the_running_task_and_all_tasks_are_kept_without_calling_asyncio():
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (child.stdout, child.stderr, child.returncode) == ("\n", "", 0)
