"""Work in executors, and names that are looked up there."""

import asyncio
import concurrent.futures
import threading

import pytest


def nothing(*_):
    pass


def test_work_in_the_default_executor(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
        assert await asyncio.to_thread(lambda *arguments, **keywords: (arguments, keywords), 1, a=2) == ((1,), {"a": 2})
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            assert await loop.run_in_executor(executor, sum, [1, 2, 3]) == 6

    run(main)


def test_a_default_executor_has_to_be_one_of_threads(new_loop):
    with pytest.raises(TypeError, match=r"^executor must be ThreadPoolExecutor instance$"):
        new_loop().set_default_executor("text")


def test_after_shutdown_the_default_executor_is_refused(new_loop):
    loop = new_loop()
    loop.run_until_complete(loop.run_in_executor(None, nothing))
    loop.run_until_complete(loop.shutdown_default_executor())

    async def main():
        loop.run_in_executor(None, nothing)

    with pytest.raises(RuntimeError, match=r"^Executor shutdown has been called$"):
        loop.run_until_complete(main())


def test_names_are_looked_up(run):
    async def main():
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("127.0.0.1", 80, type=1)
        assert [address for *_, address in found] == [("127.0.0.1", 80)]
        assert (await loop.getnameinfo(("127.0.0.1", 80), 1 | 2))[0] == "127.0.0.1"
        with pytest.raises(OSError):
            await loop.getaddrinfo("256.256.256.256", 80, flags=4)

    run(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_full_default_executor_does_not_starve_names(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        release = threading.Event()
        blocked = loop.run_in_executor(None, release.wait)
        await loop.getaddrinfo("localhost", 80)
        await loop.getnameinfo(("127.0.0.1", 80))
        assert not blocked.done()
        release.set()
        await blocked

    run(main)
