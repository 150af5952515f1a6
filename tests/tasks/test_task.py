"""What is known of a task: name, context, representation, stack; and that it is the current one."""

import asyncio
import contextvars
import inspect
import io

import pytest
from turns import turn


async def nothing():
    pass


async def wait_for(future):
    return await future


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
