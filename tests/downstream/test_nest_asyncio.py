"""nest_asyncio, in a process of its own, since it cannot be taken back."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
import sys

import nest_asyncio


async def answer(number):
    await asyncio.sleep(0.001)
    return number


def ask(number):
    return asyncio.run(answer(number))


async def main():
    nest_asyncio.apply()
    around = asyncio.current_task()
    assert ask(1) == 1
    assert asyncio.get_event_loop().run_until_complete(answer(2)) == 2
    assert asyncio.current_task() is around
    assert await asyncio.gather(answer(3), asyncio.to_thread(int, "4")) == [3, 4]

    async def in_a_task(number):
        await asyncio.sleep(0)
        return ask(number)

    assert await asyncio.gather(*[in_a_task(number) for number in range(5)]) == list(range(5))
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert asyncio.run(reader.read()) == b"hello"
    writer.close()
    print(type(asyncio.get_running_loop()).__module__.partition(".")[0], "done")


async def greet(reader, writer):
    writer.write(b"hello")
    writer.close()


async def serve():
    global server
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        await main()


if sys.argv[1] == "loop":
    import ferraio

    with asyncio.Runner(loop_factory=ferraio.new_event_loop) as runner:
        runner.run(serve())
else:
    asyncio.run(serve())
"""

WAYS = {
    "asyncio": ([], "asyncio"),
    "loop": ([], "ferraio"),
    "installed": (["-m", "ferraio", "run"], "ferraio"),
}


# From Python 3.14 on nest_asyncio breaks asyncio's own loop, which then refuses to be closed "inside a task".
if sys.version_info >= (3, 14):
    del WAYS["asyncio"]


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_that_runs_can_be_run_again(way, tmp_path):
    command, expected = WAYS[way]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    child = subprocess.run([sys.executable, *command, program, way], capture_output=True, text=True)
    assert (child.stdout, child.stderr) == (f"{expected} done\n", "")
