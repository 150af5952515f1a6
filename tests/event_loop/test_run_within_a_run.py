"""A run within a run: refused as in asyncio, unless nest_asyncio has been applied."""

import asyncio

import pytest

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


@pytest.fixture
def nested(monkeypatch):
    """Leaves the mark that nest_asyncio leaves, and runs a coroutine in the middle of the running loop."""
    monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)

    def nested(coroutine):
        return asyncio.get_running_loop().run_until_complete(coroutine)

    return nested


async def later(value):
    await asyncio.sleep(0)
    return value


def test_without_nest_asyncio_it_is_refused(run):
    async def main():
        coroutine = later(1)
        with pytest.raises(RuntimeError, match="This event loop is already running"):
            asyncio.get_running_loop().run_until_complete(coroutine)
        coroutine.close()

    run(main)


def test_it_gives_the_result(run, nested):
    async def main():
        assert [nested(later(number)) for number in range(3)] == [0, 1, 2]

    run(main)


def test_it_raises_the_exception(run, nested):
    async def fail():
        raise KeyError("here")

    async def main():
        with pytest.raises(KeyError, match="here"):
            nested(fail())

    run(main)


def test_the_task_around_it_is_current_again_afterwards(run, nested):
    async def inner():
        return asyncio.current_task()

    async def main():
        around = asyncio.current_task()
        assert nested(inner()) not in (around, None)
        assert asyncio.current_task() is around
        await asyncio.sleep(0)
        assert asyncio.current_task() is around
        assert await asyncio.create_task(inner()) is not around

        current_in_callback = asyncio.get_running_loop().create_future()
        nested(later(None))
        asyncio.get_running_loop().call_soon(lambda: current_in_callback.set_result(asyncio.current_task()))
        assert await current_in_callback is None

    run(main)


def test_what_else_is_ready_runs_too(run, nested):
    async def main():
        other = asyncio.create_task(later("other"))
        assert nested(asyncio.wait_for(other, None)) == "other"
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, "a timer")
        assert nested(future) == "a timer"

    run(main)


def test_runs_within_runs_within_runs(run, nested):
    async def nest(depth):
        await asyncio.sleep(0)
        return depth if depth == 0 else 1 + nested(nest(depth - 1))

    async def main():
        assert await nest(20) == 20

    run(main)


def test_a_stop_on_the_way_ends_the_run_around_it(new_loop, nested):
    loop = new_loop()
    results = []

    async def main():
        loop.call_soon(loop.stop)
        results.append(nested(later("finished")))

    task = loop.create_task(main())
    loop.run_forever()
    assert results == ["finished"]
    loop.run_until_complete(task)


def test_a_cancelled_task_in_it_raises_cancelled_error_around_it(run, nested):
    async def main():
        inner = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(inner.cancel)
        with pytest.raises(asyncio.CancelledError):
            nested(inner)

    run(main)
