"""With ferraio installed, what asyncio's names mean also works in loops of other classes."""

import subprocess
import sys

PROGRAM = """
import asyncio

import ferraio

ferraio.install()


async def child(result):
    await asyncio.sleep(0.001)
    return await asyncio.sleep(0, result)


async def main():
    assert await asyncio.gather(child(1), child(2)) == [1, 2]
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [group.create_task(child(number)) for number in range(3)]
        named = group.create_task(child("named"), name="named")
    assert [task.result() for task in tasks] == [0, 1, 2]
    assert (named.result(), named.get_name()) == ("named", "named")
    lock, queue = asyncio.Lock(), asyncio.Queue(1)
    async with lock:
        putting = [asyncio.create_task(queue.put(number)) for number in range(3)]
        assert [await queue.get() for _ in putting] == [0, 1, 2]
    return "done"


loop = asyncio.SelectorEventLoop()
print(loop.run_until_complete(main()))
loop.close()
"""


def test_a_loop_of_asyncio_s_own_runs_a_program_while_ferraio_is_installed():
    # In a new process: nothing else has been imported or called before install().
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (child.stdout, child.stderr, child.returncode) == ("done\n", "", 0)


def test_what_is_installed_and_what_is_asyncio_s_own_stay_apart():
    program = (
        "import ferraio; ferraio.install(); from ferraio import _cold; import asyncio;"
        "print(_cold.sleep is not asyncio.sleep, _cold.gather is not asyncio.gather)"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (child.stdout, child.stderr, child.returncode) == ("True True\n", "", 0)
