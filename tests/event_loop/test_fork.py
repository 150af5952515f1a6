"""Forks: a child cannot use its parent's loop, and can make one of its own."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import warnings

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork()")
@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_child_cannot_use_the_loop_and_does_the_parent_no_harm(run):
    async def main():
        loop = asyncio.get_running_loop()
        reader, writer = os.pipe()
        readable = asyncio.Event()
        loop.add_reader(reader, readable.set)
        await asyncio.sleep(0)
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            status = 1
            try:
                loop.remove_reader(reader)  # must not reach into the parent's epoll instance
                asyncio._set_running_loop(None)
                loop._thread_id = None
                try:
                    loop.run_until_complete(loop.create_future())
                except RuntimeError as error:
                    status = 0 if "fork" in str(error) else 2
                loop.close()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        os.write(writer, b"x")
        await readable.wait()
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)

    run(main)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork()")
def test_a_child_can_make_a_loop_of_its_own(run, loop_factory):
    async def of_the_child():
        await asyncio.sleep(0.001)
        assert asyncio.current_task() is not None
        return len(asyncio.all_tasks())

    async def main():
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            status = 1
            try:
                assert asyncio._get_running_loop() is None
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    runner.run(of_the_child())
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await asyncio.sleep(0.001)

    run(main)


def double(number):
    return 2 * number


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(run, method):
    async def main():
        loop = asyncio.get_running_loop()
        context = multiprocessing.get_context(method)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            assert await loop.run_in_executor(executor, double, 21) == 42

    with warnings.catch_warnings(action="ignore"):
        run(main)
