"""One turn of the loop: what runs in it, in which order, and that fds have their turn while tasks keep it busy."""

import asyncio
import socket
import threading

import pytest
from turns import run_turns

# Enough for every loop: asyncio asks the kernel in each turn, ferraio at least after so many.
MOST_TURNS_WITHOUT_POLL = 100


def test_callbacks_run_in_the_order_they_were_scheduled(new_loop):
    loop, ran = new_loop(), []
    for number in range(100):
        loop.call_soon(ran.append, number)
    run_turns(loop)
    assert ran == list(range(100))


def test_what_a_callback_schedules_runs_in_the_next_turn(new_loop):
    loop, ran = new_loop(), []

    def first():
        ran.append("first")
        loop.call_soon(ran.append, "scheduled by first")

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == ["first", "second"]

    run_turns(loop)
    assert ran == ["first", "second", "scheduled by first"]


def test_tasks_and_callbacks_share_one_order(new_loop):
    loop, ran = new_loop(), []

    async def task(name):
        ran.append(name)
        await asyncio.sleep(0)
        ran.append(f"{name} again")

    loop.call_soon(ran.append, "callback")
    tasks = [loop.create_task(task("task"))]
    loop.call_soon(ran.append, "another callback")
    tasks.append(loop.create_task(task("another task")))
    run_turns(loop)
    assert ran == ["callback", "task", "another callback", "another task"]
    run_turns(loop)
    assert ran[4:] == ["task again", "another task again"]


def test_what_is_due_runs_after_what_was_ready_before(new_loop):
    loop, ran = new_loop(), []
    loop.call_later(0, ran.append, "timer")
    loop.call_soon(ran.append, "callback")
    run_turns(loop)
    assert ran == ["callback", "timer"]


def test_stop_lets_the_turn_end(new_loop):
    loop, ran = new_loop(), []
    loop.call_soon(loop.stop)
    loop.call_soon(ran.append, "in the same turn")
    loop.run_forever()
    assert ran == ["in the same turn"]


def test_stop_before_running_means_one_turn(new_loop):
    loop, ran = new_loop(), []
    loop.stop()
    loop.call_soon(ran.append, "in the turn")
    loop.call_soon(lambda: loop.call_soon(ran.append, "after it"))
    loop.run_forever()
    assert ran == ["in the turn"]


@pytest.mark.parametrize("spinning_tasks", [1, 100])
def test_busy_tasks_do_not_starve_an_fd(run, spinning_tasks):
    async def main():
        loop = asyncio.get_running_loop()
        reader, writer = socket.socketpair()
        with reader, writer:
            served = asyncio.Event()
            loop.add_reader(reader, served.set)

            async def spin():
                while not served.is_set():
                    await asyncio.sleep(0)

            spinning = [asyncio.create_task(spin()) for _ in range(spinning_tasks)]
            await asyncio.sleep(0)
            writer.send(b"x")
            turns = 0
            while not served.is_set():
                turns += 1
                await asyncio.sleep(0)
                assert turns <= MOST_TURNS_WITHOUT_POLL
            loop.remove_reader(reader)
            await asyncio.gather(*spinning)

    run(main)


def test_busy_tasks_do_not_starve_timers(run):
    async def main():
        loop = asyncio.get_running_loop()
        rang = asyncio.Event()
        loop.call_later(0.002, rang.set)
        while not rang.is_set():
            await asyncio.sleep(0)

    run(main)


def test_busy_tasks_do_not_starve_other_threads(run):
    async def main():
        loop = asyncio.get_running_loop()
        posted = asyncio.Event()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=[posted.set])
        thread.start()
        while not posted.is_set():
            await asyncio.sleep(0)
        thread.join()

    run(main)


def test_a_callback_that_raises_does_not_keep_the_others_from_running(new_loop):
    loop, ran, reports = new_loop(), [], []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop.call_soon(ran.append, 1)
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(ran.append, 2)
    run_turns(loop)
    assert ran == [1, 2]
    assert isinstance(reports[0]["exception"], ZeroDivisionError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_stops_the_loop_leaves_the_rest_of_the_turn_for_later(new_loop, error):
    loop, ran = new_loop(), []

    def stop_it():
        raise error

    loop.call_soon(ran.append, "before")
    loop.call_soon(stop_it)
    loop.call_soon(ran.append, "after")
    with pytest.raises(error):
        loop.run_forever()
    assert ran == ["before"]
    assert not loop.is_running()
    run_turns(loop)
    assert ran == ["before", "after"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_task_that_ends_with_an_exception_that_stops_the_loop(new_loop, error):
    loop = new_loop()

    async def stop_it():
        raise error("from the task")

    task = loop.create_task(stop_it())
    with pytest.raises(error):
        loop.run_forever()
    assert isinstance(task.exception(), error)


def test_run_once_can_be_called_by_hand(new_loop):
    loop, ran = new_loop(), []
    loop.call_soon(ran.append, 1)
    loop.call_soon(lambda: loop.call_soon(ran.append, 2))
    loop._run_once()
    assert ran == [1]
    loop._run_once()
    assert ran == [1, 2]
