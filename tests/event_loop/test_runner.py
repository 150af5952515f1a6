"""What a run leaves behind: leftover tasks, and asynchronous generators that nobody has finished."""

import asyncio
import contextvars
import gc


def test_the_runner_cancels_what_is_left(loop_factory):
    seen = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["cancelled"]


def test_a_leftover_task_that_swallows_its_cancellation_is_waited_for(loop_factory):
    seen = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
        await asyncio.sleep(0)
        seen.append("ended")

    async def main():
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["ended"]


def test_errors_of_leftover_tasks_are_reported(loop_factory):
    reports = []

    async def leftover():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise LookupError("while ending") from None

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        asyncio.create_task(leftover())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(reports) == 1
    assert set(reports[0]) == {"message", "exception", "task"}
    assert reports[0]["message"] == "unhandled exception during asyncio.run() shutdown"


def test_the_context_of_a_runner_is_kept(loop_factory):
    variable = contextvars.ContextVar("variable", default=0)

    async def add():
        variable.set(variable.get() + 1)
        return variable.get()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert [runner.run(add()), runner.run(add())] == [1, 2]
    assert variable.get() == 0


def test_asynchronous_generators_are_closed_at_the_end(loop_factory):
    seen = []

    async def generate():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def main():
        generator = generate()
        await anext(generator)
        seen.append("left")
        kept.append(generator)

    kept = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["left", "closed"]


def test_an_asynchronous_generator_that_is_dropped_is_closed_by_the_loop(run):
    seen = []

    async def generate():
        try:
            yield 1
        finally:
            seen.append("closed")

    async def main():
        async for _ in generate():
            break
        gc.collect()
        for _ in range(3):
            await asyncio.sleep(0)
        assert seen == ["closed"]

    run(main)


def test_errors_of_asynchronous_generators_are_reported(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def generate():
        try:
            yield 1
        finally:
            raise LookupError("while closing")

    async def main():
        generator = generate()
        await anext(generator)
        return generator

    generator = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert len(reports) == 1
    assert set(reports[0]) == {"message", "exception", "asyncgen"}
    assert reports[0]["asyncgen"] is generator
    assert reports[0]["message"].startswith("an error occurred during closing of asynchronous generator")
