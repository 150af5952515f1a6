"""Task: its life, cancellation, names, contexts, what a coroutine may yield, and who finds it."""

import asyncio
import contextvars
import gc
import inspect
import io
import sys
import traceback
import types

import pytest

eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")


async def nothing():
    pass


async def turn(times=1):
    for _ in range(times):
        await asyncio.sleep(0)


async def wait_for(future):
    return await future


@pytest.fixture
def loop(new_loop):
    loop = new_loop()
    loop.reports = []
    loop.set_exception_handler(lambda _, context: loop.reports.append(context))
    return loop


def run_turns(loop, turns=1):
    for _ in range(turns):
        loop.call_soon(loop.stop)
        loop.run_forever()


# Cancelling.


def test_cancelling_before_the_first_step(run):
    async def main():
        began = []

        async def body():
            began.append(1)

        task = asyncio.create_task(body())
        assert task.cancel() is True
        assert task._must_cancel is True
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert began == []

    run(main)


def test_cancelling_while_it_waits(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_for(future))
        await turn()
        assert task.cancel("message") is True
        assert future.cancelled()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("message",)
        assert task.cancel() is False

    run(main)


def test_cancelling_itself(run):
    async def main():
        async def body():
            asyncio.current_task().cancel("by itself")
            await turn()

        task = asyncio.create_task(body())
        with pytest.raises(asyncio.CancelledError, match="by itself"):
            await task

    run(main)


def test_cancelling_itself_and_ending_is_being_cancelled(run):
    async def main():
        async def body():
            asyncio.current_task().cancel()
            return "result"

        task = asyncio.create_task(body())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main)


def test_a_future_that_was_done_already_does_not_save_a_task(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_for(future))
        await turn()
        future.set_result("result")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert future.result() == "result"

    run(main)


@pytest.mark.parametrize("times", [1, 5])
def test_a_task_may_swallow_its_cancellation(run, times):
    async def main():
        async def stubborn():
            for _ in range(times):
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue
            return "ended by itself", asyncio.current_task().cancelling()

        task = asyncio.create_task(stubborn())
        for _ in range(times):
            await turn(2)
            assert not task.done()
            assert task.cancel() is True
        assert await task == ("ended by itself", times)
        assert not task.cancelled()

    run(main)


def test_an_error_while_being_cancelled_is_the_tasks(run):
    async def main():
        async def body():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise LookupError("instead") from None

        task = asyncio.create_task(body())
        await turn()
        task.cancel()
        with pytest.raises(LookupError, match="instead"):
            await task
        assert not task.cancelled()

    run(main)


def test_requests_to_cancel_are_counted(run):
    async def main():
        task = asyncio.create_task(asyncio.sleep(3600))
        assert task.cancelling() == 0
        assert task.uncancel() == 0
        for number in range(1, 4):
            task.cancel()
            assert task.cancelling() == number
        assert task.uncancel() == 2
        assert task.cancelling() == 2
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="since Python 3.13")
def test_taking_the_request_back_saves_a_task_that_was_not_told_yet(run):
    async def main():
        async def body():
            await turn()
            return "saved"

        task = asyncio.create_task(body())
        task.cancel()
        task.uncancel()
        assert await task == "saved"

    run(main)


def test_a_chain_of_tasks_is_cancelled_to_its_end(run):
    async def main():
        end = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(wait_for(end))]
        for _ in range(100):
            tasks.append(asyncio.create_task(wait_for(tasks[-1])))
        await turn(2)
        tasks[-1].cancel("all the way down")
        with pytest.raises(asyncio.CancelledError, match="all the way down"):
            await tasks[-1]
        assert end.cancelled()
        assert all(task.cancelled() and task.cancelling() == 1 for task in tasks)

    run(main)


def test_tasks_that_wait_for_each_other_cannot_be_cancelled(loop):
    tasks = {}

    async def wait(name):
        await tasks[name]

    tasks["first"] = loop.create_task(wait("second"))
    tasks["second"] = loop.create_task(wait("first"))
    run_turns(loop, 2)
    with pytest.raises(RecursionError, match=r"^(maximum recursion depth exceeded|Stack overflow)"):
        tasks["first"].cancel()
    assert not tasks["first"].done()
    for task in tasks.values():
        task._log_destroy_pending = False


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_very_long_line_of_tasks_is_no_crash(loop):
    task = loop.create_future()
    for _ in range(50_000):
        task = loop.create_task(wait_for(task))
        task._log_destroy_pending = False
    run_turns(loop, 2)
    with pytest.raises(RecursionError):
        task.cancel()
    loop.close()
    del task
    gc.collect()


def test_a_cancellation_is_chained_to_where_it_came_from(run):
    async def main():
        async def inner():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as error:
                raise LookupError("while ending") from error

        task = asyncio.create_task(inner())
        await turn()
        task.cancel("message")
        with pytest.raises(LookupError) as caught:
            await task
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert caught.value.__cause__.args == ("message",)

    run(main)


def test_awaiting_itself_is_an_error(run):
    async def main():
        async def body():
            await asyncio.current_task()

        with pytest.raises(RuntimeError, match=r"^Task cannot await on itself: <Task pending "):
            await asyncio.create_task(body())

    run(main)


# What a coroutine may yield.


class Yields:
    def __init__(self, thing):
        self.thing = thing

    def __await__(self):
        return (yield self.thing)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: 7, r"^Task got bad yield: 7$"),
        (lambda: "text", r"^Task got bad yield: 'text'$"),
        (lambda: asyncio.get_running_loop().create_future(), r"^yield was used instead of yield from in task <Task "),
        (
            lambda: (_ for _ in ()),
            r"^yield was used instead of yield from for generator in task <Task .* with <generator object ",
        ),
    ],
)
def test_a_bad_yield_is_the_tasks_error(run, make, message):
    async def body(thing):
        await Yields(thing)

    async def main():
        thing = make()
        task = asyncio.create_task(body(thing))
        with pytest.raises(RuntimeError, match=message):
            await task
        if asyncio.isfuture(thing):
            thing.cancel()

    run(main)


def test_after_a_bad_yield_the_coroutine_may_go_on(run):
    async def body():
        try:
            await Yields(7)
        except RuntimeError:
            await turn()
            return "went on"

    async def main():
        assert await asyncio.create_task(body()) == "went on"

    run(main)


def test_yielding_none_means_the_next_turn(run):
    async def main():
        await Yields(None)
        assert await asyncio.create_task(wait_for(Yields(None))) is None

    run(main)


def test_a_future_of_another_loop_cannot_be_awaited(new_loop):
    loop, other = new_loop(), new_loop()
    for future in (other.create_future(), other.create_task(asyncio.sleep(0))):
        task = loop.create_task(wait_for(future))
        with pytest.raises(RuntimeError, match=r"^Task <Task .*> got Future <.*> attached to a different loop$"):
            loop.run_until_complete(task)
    other.run_until_complete(future)


def test_generators_in_the_clothes_of_coroutines(run):
    @types.coroutine
    def generator():
        yield
        return (yield from asyncio.sleep(0, "result").__await__())

    async def main():
        async def body():
            return await generator()

        assert await asyncio.create_task(body()) == "result"
        assert await generator() == "result"

    run(main)


@pytest.mark.parametrize("wrong", [None, 7, "text", nothing, asyncio.Future, lambda: nothing()])
def test_a_task_needs_a_coroutine(run, wrong):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match=r"^a coroutine was expected, got "):
            asyncio.Task(wrong, loop=loop)
        with pytest.raises(TypeError, match=r"^a coroutine was expected, got "):
            loop.create_task(wrong)
        with pytest.raises(TypeError):
            asyncio.ensure_future(wrong)

    run(main)


# Results.


@pytest.mark.parametrize("result", [None, 7, (), (1, 2), LookupError("as a result"), StopIteration(3), ...])
def test_results_arrive_whole(run, result):
    async def body():
        return result

    async def main():
        task = asyncio.create_task(body())
        assert await task is result
        assert task.result() is result
        assert (await asyncio.gather(body()))[0] is result

    run(main)


@pytest.mark.parametrize(
    "error", [LookupError("failed"), StopAsyncIteration(7), ExceptionGroup("two", [ValueError(1)])]
)
def test_errors_arrive_whole(run, error):
    async def body():
        raise error

    async def main():
        task = asyncio.create_task(body())
        with pytest.raises(type(error)) as caught:
            await task
        assert caught.value is error is task.exception()

    run(main)


def test_raising_stop_iteration_is_a_runtime_error(run):
    async def body():
        raise StopIteration(7)

    async def main():
        with pytest.raises(RuntimeError, match=r"^coroutine raised StopIteration$"):
            await asyncio.create_task(body())

    run(main)


def test_the_result_of_a_task_cannot_be_set(run):
    async def main():
        task = asyncio.create_task(nothing())
        with pytest.raises(RuntimeError, match=r"^Task does not support set_result operation$"):
            task.set_result(1)
        with pytest.raises(RuntimeError, match=r"^Task does not support set_exception operation$"):
            task.set_exception(LookupError())
        await task

    run(main)


def test_the_traceback_shows_where_it_failed(run):
    async def inner():
        raise LookupError

    async def outer():
        await inner()

    async def main():
        with pytest.raises(LookupError) as caught:
            await asyncio.create_task(outer())
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names == ["main", "outer", "inner"]

    run(main)


@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_nobody_asks_for_is_reported(loop, debug):
    loop.set_debug(debug)

    async def fail():
        raise LookupError("lost")

    task = loop.create_task(fail())
    run_turns(loop)
    del task
    gc.collect()
    (context,) = loop.reports
    where_it_was_made = {"source_traceback"} if debug else set()
    assert set(context) == {"message", "exception", "future"} | where_it_was_made
    assert context["message"] == "Task exception was never retrieved"
    assert str(context["exception"]) == "lost"


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("debug", [False, True])
def test_a_pending_task_that_is_destroyed_is_reported(loop, silent, debug):
    loop.set_debug(debug)
    task = loop.create_task(wait_for(loop.create_future()))
    run_turns(loop)
    task._log_destroy_pending = not silent
    del task
    gc.collect()
    assert [context["message"] for context in loop.reports] == (
        [] if silent else ["Task was destroyed but it is pending!"]
    )
    if not silent:
        where_it_was_made = {"source_traceback"} if debug else set()
        assert set(loop.reports[0]) == {"message", "task"} | where_it_was_made


# Names, contexts, representations.


def test_names(run):
    async def main():
        first, second = asyncio.create_task(nothing()), asyncio.create_task(nothing())
        numbers = [int(task.get_name().removeprefix("Task-")) for task in (first, second)]
        assert numbers[1] == numbers[0] + 1
        first.set_name(7)
        assert first.get_name() == "7"
        assert asyncio.create_task(nothing(), name="named").get_name() == "named"
        assert asyncio.create_task(nothing(), name=("a", 1)).get_name() == "('a', 1)"
        await turn()

    run(main)


def test_a_task_runs_in_a_copy_of_the_context_it_was_made_in(run):
    variable = contextvars.ContextVar("variable", default="default")

    async def body():
        seen.append(variable.get())
        variable.set("changed by the task")
        await turn()
        seen.append(variable.get())

    async def main():
        variable.set("when made")
        task = asyncio.create_task(body())
        variable.set("later")
        await task
        assert variable.get() == "later"
        context = contextvars.copy_context()
        await asyncio.create_task(body(), context=context)
        assert context[variable] == "changed by the task"
        assert variable.get() == "later"

    seen = []
    run(main)
    assert seen == ["when made", "changed by the task", "later", "changed by the task"]


def test_the_repr_of_a_task(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_for(future), name="named")
        place = f"coro=<wait_for() running at {__file__}:"
        assert repr(task).startswith(f"<Task pending name='named' {place}")
        await turn()
        assert f"wait_for={future!r}" in repr(task)
        task.cancel()
        assert repr(task).startswith(f"<Task cancelling name='named' {place}")
        await asyncio.wait([task])
        assert repr(task) == (
            f"<Task cancelled name='named' coro=<wait_for() done, defined at {__file__}:"
            f"{inspect.getsourcelines(wait_for)[1]}>>"
        )
        task = asyncio.create_task(nothing(), name="named")
        await task
        assert repr(task).startswith("<Task finished name='named' coro=<nothing() done, defined at ")
        assert repr(task).endswith(" result=None>")

    run(main, debug=False)


def test_the_stack_of_a_task(run):
    async def inner(future):
        await future

    async def outer(future):
        await inner(future)

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(outer(future), name="named")
        await turn()
        (frame,) = task.get_stack()
        assert frame.f_code.co_name == "outer"
        file = io.StringIO()
        task.print_stack(file=file)
        assert file.getvalue().startswith("Stack for <Task pending name='named' coro=<")
        assert "await inner(future)" in file.getvalue()
        assert inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_SUSPENDED
        future.set_result(None)
        await task
        assert task.get_stack() == []

    run(main)


# Who is there.


def test_the_current_task(run):
    async def main():
        own = asyncio.current_task()
        seen = []

        async def body():
            seen.append(asyncio.current_task())
            await turn()
            seen.append(asyncio.current_task())

        task = asyncio.create_task(body())
        asyncio.get_running_loop().call_soon(lambda: seen.append(asyncio.current_task()))
        await task
        assert seen == [task, None, task]
        assert asyncio.current_task() is own
        assert asyncio.current_task(asyncio.get_running_loop()) is own

    run(main)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.current_task()


def test_all_tasks(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        tasks = {asyncio.create_task(wait_for(future)) for _ in range(10)}
        assert asyncio.all_tasks() == {asyncio.current_task(), *tasks}
        assert asyncio.all_tasks(loop) == asyncio.all_tasks()
        future.set_result(None)
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_all_tasks_of_two_loops(new_loop):
    first, second = new_loop(), new_loop()
    tasks = {loop: loop.create_task(asyncio.sleep(0)) for loop in (first, second)}
    for loop, task in tasks.items():
        assert asyncio.all_tasks(loop) == {task}
    for loop, task in tasks.items():
        loop.run_until_complete(task)
        assert asyncio.all_tasks(loop) == set()


# Eager tasks.


@eager
def test_an_eager_task_begins_at_once(run):
    async def main():
        loop, own, seen = asyncio.get_running_loop(), asyncio.current_task(), []

        async def body():
            seen.append(asyncio.current_task())
            await turn()
            seen.append(asyncio.current_task())
            return "result"

        task = asyncio.Task(body(), loop=loop, eager_start=True)
        assert seen == [task]
        assert asyncio.current_task() is own
        assert task in asyncio.all_tasks()
        assert await task == "result"
        assert seen == [task, task]

    run(main)


@eager
def test_an_eager_task_may_be_done_at_once(run):
    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.Task(nothing(), loop=loop, eager_start=True)
        assert task.done()
        assert task.result() is None
        assert task not in asyncio.all_tasks()

        async def fail():
            raise LookupError("at once")

        task = asyncio.Task(fail(), loop=loop, eager_start=True)
        with pytest.raises(LookupError, match="at once"):
            task.result()

    run(main)


@eager
def test_the_eager_task_factory(run):
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        loop.set_task_factory(asyncio.eager_task_factory)

        async def body(number):
            seen.append(number)
            await turn()
            return number

        tasks = [asyncio.create_task(body(number)) for number in range(3)]
        assert seen == [0, 1, 2]
        assert await asyncio.gather(*tasks, body(3)) == [0, 1, 2, 3]
        async with asyncio.TaskGroup() as group:
            group.create_task(body(4))
            assert seen[-1] == 4
        assert await asyncio.gather(nothing(), nothing()) == [None, None]

    run(main)


@eager
def test_eager_tasks_inside_eager_tasks(run):
    async def main():
        loop, seen = asyncio.get_running_loop(), []

        async def nest(depth):
            before = asyncio.current_task()
            if depth:
                await asyncio.Task(nest(depth - 1), loop=loop, eager_start=True)
            seen.append(asyncio.current_task() is before)

        await nest(20)
        assert seen == [True] * 21

    run(main)


# Wrong arguments.


@pytest.mark.parametrize(
    "wrong",
    [
        lambda task: task.cancel(1, 2),
        lambda task: task.cancel(unknown=1),
        lambda task: task.set_name(),
        lambda task: task.get_name(1),
        lambda task: task.uncancel(1),
        lambda task: type(task)(),
        lambda task: type(task)(unknown=1),
        lambda task: task.get_stack(unknown=1),
    ],
)
def test_wrong_arguments_are_a_type_error(run, wrong):
    async def main():
        task = asyncio.create_task(nothing())
        with pytest.raises(TypeError):
            wrong(task)
        await task

    run(main)


def test_a_name_whose_text_fails(run):
    class Nameless:
        def __str__(self):
            raise LookupError("no name")

    async def main():
        task = asyncio.create_task(nothing())
        with pytest.raises(LookupError, match="no name"):
            task.set_name(Nameless())
        assert task.get_name().startswith("Task-")
        coro = nothing()
        with pytest.raises(LookupError, match="no name"):
            asyncio.get_running_loop().create_task(coro, name=Nameless())
        coro.close()
        await task

    run(main)
