"""What programs expect of futures: subclasses, and futures and tasks of other makers that meet ours."""

import asyncio
import concurrent.futures
import contextvars
import sys
from asyncio import Task as EarlyTask

import pytest
from turns import turn


async def nothing():
    pass


def test_futures_can_be_subclassed(run):
    class Subclass(asyncio.Future):
        def __init__(self, name, **keywords):
            super().__init__(**keywords)
            self.name = name

        def __await__(self):
            awaited.append(self.name)
            return super().__await__()

        __iter__ = __await__

    awaited = []

    async def main():
        loop = asyncio.get_running_loop()
        future = Subclass("subclassed", loop=loop)
        loop.call_soon(future.set_result, "result")
        assert await future == "result"
        assert awaited == ["subclassed"]
        failed = Subclass("failed", loop=loop)
        loop.call_soon(failed.set_exception, LookupError("failed"))
        with pytest.raises(LookupError, match="failed"):
            await failed

    run(main)


class ForeignFuture:
    """What other libraries yield: an object of their own with the flag."""

    _asyncio_future_blocking = False

    def __init__(self, loop):
        self._loop = loop
        self.callbacks = []
        self.outcome = None
        self.cancelled_with = []

    def get_loop(self):
        return self._loop

    def add_done_callback(self, callback, *, context=None):
        self.callbacks.append((callback, context))

    def finish(self, outcome):
        self.outcome = outcome
        for callback, context in self.callbacks:
            self._loop.call_soon(callback, self, context=context)

    def result(self):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def cancel(self, msg=None):
        self.cancelled_with.append(msg)
        self.finish(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))
        return True

    def __await__(self):
        self._asyncio_future_blocking = True
        yield self
        return self.result()


@pytest.mark.parametrize("outcome", ["result", LookupError("failed")])
@pytest.mark.parametrize("task_class", ["new", "early", "subclass"])
def test_a_task_awaits_a_foreign_future(run, outcome, task_class):
    async def main():
        loop = asyncio.get_running_loop()
        foreign = ForeignFuture(loop)
        classes = {"new": asyncio.Task, "early": EarlyTask, "subclass": type("Subclass", (asyncio.Task,), {})}

        async def wait():
            assert foreign._asyncio_future_blocking is False
            return await foreign

        task = classes[task_class](wait(), loop=loop)
        await turn()
        assert task._fut_waiter is foreign
        assert foreign._asyncio_future_blocking is False
        assert isinstance(foreign.callbacks[0][1], contextvars.Context)
        foreign.finish(outcome)
        if isinstance(outcome, Exception):
            with pytest.raises(LookupError, match="failed"):
                await task
        else:
            assert await task == outcome

    run(main)


def test_cancelling_a_task_cancels_the_foreign_future(run):
    async def main():
        foreign = ForeignFuture(asyncio.get_running_loop())

        async def wait():
            await foreign

        task = asyncio.create_task(wait())
        await turn()
        task.cancel("message")
        with pytest.raises(asyncio.CancelledError, match="message"):
            await task
        assert foreign.cancelled_with == ["message"]

    run(main)


class ForeignTask:
    """A task of another library: it steps a coroutine and waits for whatever has the flag."""

    def __init__(self, coro, loop):
        self.coro, self.loop, self.outcome = coro, loop, None
        loop.call_soon(self.step)

    def step(self, future=None):
        try:
            awaited = self.coro.send(None)
        except StopIteration as stop:
            self.outcome = stop.value
            return
        except Exception as error:
            self.outcome = error
            return
        assert awaited._asyncio_future_blocking is True
        awaited._asyncio_future_blocking = False
        awaited.add_done_callback(self.step)


def test_a_foreign_task_awaits_our_futures(run):
    async def main():
        loop = asyncio.get_running_loop()
        future, failing = loop.create_future(), loop.create_future()
        task = loop.create_task(asyncio.sleep(0, "of the task"))

        async def wait():
            results = [await future, await task, *await asyncio.gather(task, asyncio.sleep(0.001, "slept"))]
            try:
                await failing
            except LookupError as error:
                results.append(str(error))
            await asyncio.sleep(0.001)
            return results

        foreign = ForeignTask(wait(), loop)
        loop.call_soon(future.set_result, "of the future")
        loop.call_soon(failing.set_exception, LookupError("failed"))
        while foreign.outcome is None:
            await asyncio.sleep(0.001)
        assert foreign.outcome == ["of the future", "of the task", "of the task", "slept", "failed"]

    run(main)


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="asyncio 3.15 chains with futures of concurrent.futures only")
def test_futures_can_be_chained(run):
    async def main():
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        asyncio.futures._chain_future(first, second)
        first.set_result(1)
        assert await second == 1
        first, second = loop.create_future(), loop.create_future()
        asyncio.futures._chain_future(first, second)
        second.cancel()
        await turn()
        assert first.cancelled()

    run(main)


@pytest.mark.parametrize("outcome", ["result", LookupError("failed")])
def test_futures_can_be_chained_with_those_of_threads(run, outcome):
    async def main():
        loop = asyncio.get_running_loop()
        of_thread, of_loop = concurrent.futures.Future(), loop.create_future()
        asyncio.futures._chain_future(of_thread, of_loop)
        end(of_thread, outcome)
        assert await ending_of(of_loop) == repr(outcome)

        of_loop, of_thread = loop.create_future(), concurrent.futures.Future()
        asyncio.futures._chain_future(of_loop, of_thread)
        end(of_loop, outcome)
        assert await ending_of(asyncio.wrap_future(of_thread)) == repr(outcome)

    def end(future, outcome):
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    async def ending_of(future):
        try:
            return repr(await future)
        except LookupError as error:
            return repr(error)

    run(main)


def test_cancelling_goes_along_a_chain_of_futures(run):
    async def main():
        loop = asyncio.get_running_loop()
        of_thread, of_loop = concurrent.futures.Future(), loop.create_future()
        asyncio.futures._chain_future(of_thread, of_loop)
        of_loop.cancel()
        await turn()
        assert of_thread.cancelled()

        of_loop, of_thread = loop.create_future(), concurrent.futures.Future()
        asyncio.futures._chain_future(of_loop, of_thread)
        of_thread.cancel()
        await asyncio.wait([of_loop])
        assert of_loop.cancelled()

    run(main)


def test_the_children_of_a_gather(run):
    async def main():
        tasks = [asyncio.create_task(nothing()) for _ in range(3)]
        gathering = asyncio.gather(*tasks, tasks[0])
        assert list(gathering._children) == [*tasks, tasks[0]]
        await gathering

    run(main)
