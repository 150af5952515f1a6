"""anyio, which the SDKs stand on, runs on the loop: scopes, groups, threads, streams."""

import asyncio
import threading

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest


def test_anyio_task_groups_and_cancel_scopes(run):
    seen = []

    async def child(number, *, task_status=anyio.TASK_STATUS_IGNORED):
        try:
            task_status.started(number)
            await anyio.sleep(3600)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
            seen.append(number)
            raise

    async def main():
        with anyio.move_on_after(0.005) as scope:
            async with anyio.create_task_group() as group:
                assert await group.start(child, 1) == 1
                group.start_soon(child, 2)
                await anyio.sleep(3600)
        assert scope.cancelled_caught
        assert sorted(seen) == [1, 2]
        assert asyncio.current_task().cancelling() == 0
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.001):
                await anyio.Event().wait()
        await anyio.lowlevel.checkpoint()

    run(main)


def test_anyio_task_group_collects_errors(run):
    async def fail(error):
        raise error

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with anyio.create_task_group() as group:
                group.start_soon(fail, LookupError("one"))
                group.start_soon(fail, ValueError("two"))
        assert {type(error) for error in caught.value.exceptions} == {LookupError, ValueError}

    run(main)


def test_anyio_threads(run):
    async def add(a, b):
        await anyio.sleep(0)
        return a + b

    def work(value):
        anyio.from_thread.check_cancelled()
        return anyio.from_thread.run(add, value, 1), anyio.from_thread.run_sync(threading.get_ident)

    async def main():
        result, ident = await anyio.to_thread.run_sync(work, 41)
        assert result == 42
        assert ident == threading.get_ident()
        results = []

        async def in_thread(number):
            results.append((await anyio.to_thread.run_sync(work, number))[0])

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(in_thread, number)
        assert sorted(results) == list(range(1, 21))

    run(main)


def test_anyio_streams_locks_and_limits(run):
    async def main():
        send, receive = anyio.create_memory_object_stream(2)
        limiter, lock = anyio.CapacityLimiter(2), anyio.Lock()
        total = 0

        async def produce(stream, items):
            async with stream:
                for item in items:
                    async with limiter:
                        await stream.send(item)

        async def consume(stream):
            nonlocal total
            async with stream:
                async for item in stream:
                    async with lock:
                        total += item

        async with anyio.create_task_group() as group, send, receive:
            for start in range(4):
                group.start_soon(produce, send.clone(), range(start * 10, start * 10 + 10))
                group.start_soon(consume, receive.clone())
            send.close()
            receive.close()
        assert total == sum(range(40))

    run(main)


def test_anyio_runs_on_the_loop_factory(loop_factory):
    async def main():
        return type(asyncio.get_running_loop())

    made = anyio.run(main, backend="asyncio", backend_options={"loop_factory": loop_factory})
    loop = loop_factory()
    assert made is type(loop)
    loop.close()
