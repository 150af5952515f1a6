"""pytest-asyncio, in a pytest of its own: ferraio's loop by a policy, and ferraio installed by `ferraio run`."""

import subprocess
import sys

import pytest

TESTS = """
import asyncio

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def server():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared():
    return asyncio.get_running_loop()


async def test_runs_on(expected):
    kind = type(asyncio.get_running_loop())
    assert kind.__module__.partition(".")[0] == expected


async def test_uses_an_async_fixture(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("number", range(3))
@pytest.mark.asyncio(loop_scope="module")
async def test_shares_a_loop(shared, number):
    assert asyncio.get_running_loop() is shared


@pytest.mark.xfail(raises=ExceptionGroup, strict=True, reason="the group passes on what the thread raised")
async def test_fails():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
        group.create_task(asyncio.to_thread(int, "no number"))
"""

EXPECTED = """
import pytest


@pytest.fixture
def expected():
    return "{}"
"""

BY_POLICY = """

@pytest.fixture(scope="session")
def event_loop_policy():
    import asyncio
    import ferraio

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return ferraio.new_event_loop()

    return Policy()
"""

WAYS = {
    "asyncio": (["-m", "pytest"], "asyncio", ""),
    "policy": (["-m", "pytest"], "ferraio", BY_POLICY),
    "installed": (["-m", "ferraio", "run", "-m", "pytest"], "ferraio", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_pytest_asyncio(way, tmp_path):
    command, expected, fixtures = WAYS[way]
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "conftest.py").write_text(EXPECTED.format(expected) + fixtures)
    (tmp_path / "test_child.py").write_text(TESTS)
    options = ["-q", "-p", "no:cacheprovider", "-W", "error::pytest.PytestUnraisableExceptionWarning"]
    child = subprocess.run(
        [sys.executable, *command, *options], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert "5 passed, 1 xfailed" in child.stdout, child.stdout + child.stderr
