"""Contexts: each task and callback runs in its own, and finds what was set where it was made."""

import asyncio
import contextvars
import decimal
import gc
import socket

import ferraio
import pytest

variable = contextvars.ContextVar("variable", default=0)


def test_tasks_do_not_see_each_others_changes(run):
    async def count(start):
        variable.set(start)
        for step in range(10):
            assert variable.get() == start + step
            variable.set(variable.get() + 1)
            await asyncio.sleep(0)
        return variable.get()

    async def main():
        assert await asyncio.gather(*[count(100 * number) for number in range(20)]) == [
            100 * number + 10 for number in range(20)
        ]
        assert variable.get() == 0

    run(main)


def test_a_coroutine_that_is_awaited_shares_the_context(run):
    async def change():
        variable.set(5)

    async def main():
        await change()
        assert variable.get() == 5
        await asyncio.wait_for(asyncio.create_task(change_to(6)), 1)
        assert variable.get() == 5

    async def change_to(value):
        variable.set(value)

    run(main)


def test_children_inherit_from_where_they_are_made(run):
    async def look():
        return variable.get()

    async def main():
        results = []
        for number in range(3):
            variable.set(number)
            results.append(asyncio.create_task(look()))
            results.append(asyncio.gather(look()))
            async with asyncio.TaskGroup() as group:
                results.append(group.create_task(look()))
        assert [await result for result in results] == [0, [0], 0, 1, [1], 1, 2, [2], 2]

    run(main)


@pytest.mark.parametrize("how", ["call_soon", "call_later", "call_soon_threadsafe", "future", "reader"])
def test_callbacks_run_where_they_were_made(run, how):
    async def main():
        loop = asyncio.get_running_loop()
        seen = loop.create_future()
        variable.set("when made")

        def callback(*_):
            if not seen.done():
                seen.set_result(variable.get())
            variable.set("changed in the callback")

        if how == "future":
            future = loop.create_future()
            future.add_done_callback(callback)
        elif how == "call_later":
            loop.call_later(0, callback)
        elif how == "reader":
            reader, writer = socket.socketpair()
            loop.add_reader(reader, callback)
        else:
            getattr(loop, how)(callback)
        variable.set("later")
        if how == "future":
            future.set_result(None)
        elif how == "reader":
            writer.send(b"x")
        assert await seen == "when made"
        assert variable.get() == "later"
        if how == "reader":
            loop.remove_reader(reader)
            reader.close()
            writer.close()

    run(main)


def test_decimal_contexts_are_each_tasks_own(run):
    async def divide(precision):
        with decimal.localcontext() as context:
            context.prec = precision
            await asyncio.sleep(0)
            result = decimal.Decimal(1) / 3
            await asyncio.sleep(0)
            return len(str(result)) - 2

    async def main():
        assert await asyncio.gather(*[divide(precision) for precision in range(1, 20)]) == list(range(1, 20))

    run(main)


def test_a_context_that_is_entered_cannot_be_entered_again(new_loop):
    loop = new_loop()
    loop.set_exception_handler(lambda *_: None)  # which cannot run in the context of the step either
    context = contextvars.copy_context()

    async def body():
        await asyncio.sleep(0)
        return "ended"

    task = loop.create_task(body(), context=context)
    context.run(run_turns, loop, 2)
    assert not task.done()
    assert asyncio.current_task(loop) is None
    task._log_destroy_pending = False
    task.get_coro().close()


def run_turns(loop, turns):
    for _ in range(turns):
        loop.call_soon(loop.stop, context=contextvars.Context())
        loop.run_forever()


def test_what_to_thread_sees(run):
    async def main():
        variable.set("of the task")
        assert await asyncio.to_thread(variable.get) == "of the task"
        assert await asyncio.get_running_loop().run_in_executor(None, variable.get) == 0

    run(main)


def test_the_context_is_left_when_a_step_fails(run):
    async def fail():
        variable.set("of the failed task")
        raise LookupError

    async def main():
        for _ in range(3):
            with pytest.raises(LookupError):
                await asyncio.create_task(fail())
            assert variable.get() == 0

    run(main)


def test_a_token_of_one_step_can_be_used_in_the_next(run):
    async def main():
        token = variable.set(7)
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        variable.reset(token)
        assert variable.get() == 0

    run(main)


def test_callbacks_wait_without_a_context_until_they_run():
    # ferraio finds out where contexts keep their variables. Where it could not, each callback would get a copy at once:
    # right, but slow, and no other test would notice.
    def contexts():
        return sum(type(thing) is contextvars.Context for thing in gc.get_objects())

    loop = ferraio.new_event_loop()
    before = contexts()
    handles = [loop.call_soon(print), loop.call_later(60, print), loop.call_soon_threadsafe(print)]
    assert contexts() == before
    assert {type(handle._context) for handle in handles} == {contextvars.Context}
    assert contexts() == before + len(handles)
    loop.close()
