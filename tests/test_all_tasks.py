"""asyncio.all_tasks() and asyncio.current_task(): who is in, who is out, and that nobody stays who is dead.

asyncio's list holds no references, so a task must have left it before its memory is used again. What these tests
do with many tasks would end the process otherwise.
"""

import asyncio
import concurrent.futures
import gc
import sys
import threading

import pytest

MANY = 300


async def waiting(future):
    await future


def names(tasks):
    return sorted(task.get_name() for task in tasks)


def test_all_tasks_are_those_that_are_not_done(run):
    async def main():
        never = asyncio.get_running_loop().create_future()
        done = asyncio.create_task(asyncio.sleep(0), name="done")
        await done
        waits = asyncio.create_task(waiting(never), name="waits")
        new = asyncio.create_task(waiting(never), name="new")
        cancelled = asyncio.create_task(asyncio.sleep(3600), name="cancelled")
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert asyncio.all_tasks() == {asyncio.current_task(), waits, new}
        never.set_result(None)
        await asyncio.wait([waits, new])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_each_task_is_the_current_one_in_its_own_steps(run):
    async def child():
        for _ in range(3):
            assert asyncio.current_task().get_coro() is coroutines[asyncio.current_task().get_name()]
            await asyncio.sleep(0)

    def callback():
        seen_by_callback.append(asyncio.current_task())

    async def main():
        me = asyncio.current_task()
        for name in "abc":
            coroutines[name] = child()
        children = [asyncio.create_task(coro, name=name) for name, coro in coroutines.items()]
        asyncio.get_running_loop().call_soon(callback)
        for child_task in children:
            await child_task
            assert asyncio.current_task() is me

    coroutines, seen_by_callback = {}, []
    run(main)
    assert seen_by_callback == [None]


def test_other_threads_see_the_tasks_of_a_loop(run):
    async def main():
        loop = asyncio.get_running_loop()
        never = loop.create_future()
        children = [asyncio.create_task(waiting(never), name=f"child-{n}") for n in range(3)]
        seen = await asyncio.to_thread(lambda: names(asyncio.all_tasks(loop)))
        assert seen == names([asyncio.current_task(), *children])
        for child in children:
            child.cancel()

    run(main)


def test_tasks_of_a_thread_that_has_ended_are_still_there(new_loop):
    def make_tasks():
        for number in range(MANY):
            kept.append(loop.create_task(waiting(never), name=f"child-{number}"))

    loop, kept = new_loop(), []
    never = loop.create_future()
    thread = threading.Thread(target=make_tasks)
    thread.start()
    thread.join()
    assert asyncio.all_tasks(loop) == set(kept)

    del kept[: MANY // 2]
    loop.run_until_complete(asyncio.sleep(0))
    assert len(asyncio.all_tasks(loop)) == MANY
    never.set_result(None)
    loop.run_until_complete(asyncio.sleep(0))
    assert asyncio.all_tasks(loop) == set()


def test_tasks_dropped_while_they_wait_leave_the_list(run):
    async def main():
        loop = asyncio.get_running_loop()
        reports = []
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        for _ in range(3):
            for _ in range(MANY):
                # Only the future and the task know of each other.
                asyncio.create_task(waiting(loop.create_future()))
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == MANY + 1
            gc.collect()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert reports == ["Task was destroyed but it is pending!"] * MANY
            reports.clear()

    run(main)


def test_tasks_of_subclasses_leave_the_list_too(run):
    async def main():
        class OwnTask(asyncio.Task):
            pass

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.set_task_factory(lambda loop, coro, **options: OwnTask(coro, loop=loop, **options))
        for _ in range(MANY):
            asyncio.create_task(waiting(loop.create_future()))
        await asyncio.sleep(0)
        assert {type(task) for task in asyncio.all_tasks() - {asyncio.current_task()}} == {OwnTask}
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_a_loop_that_is_closed_and_dropped_takes_its_tasks_along(loop_factory):
    other = loop_factory()
    for _ in range(20):
        loop = loop_factory()
        loop.set_exception_handler(lambda *_: None)
        never = loop.create_future()
        started = [loop.create_task(waiting(never)) for _ in range(MANY // 10)]
        loop.run_until_complete(asyncio.sleep(0))
        new = [loop.create_task(waiting(never)) for _ in range(MANY // 10)]
        for task in new:
            task.get_coro().close()
        loop.close()
        del loop, never, started, new, task
        gc.collect()
        assert asyncio.all_tasks(other) == set()
    other.close()


def test_loops_in_many_threads_have_their_own_tasks(loop_factory):
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(20):
            before = asyncio.all_tasks()
            children = [asyncio.create_task(waiting(loop.create_future())) for _ in range(20)]
            await asyncio.sleep(0)
            assert asyncio.all_tasks() >= {asyncio.current_task(), *children}
            assert asyncio.all_tasks() <= {*before, *children}
            for child in children[::2]:
                child.cancel()
            del before, children, child

    def run_loop():
        loop = loop_factory()
        loop.set_exception_handler(lambda *_: None)
        try:
            loop.run_until_complete(main())
            ended_well.append(True)
        finally:
            loop.close()

    ended_well = []
    threads = [threading.Thread(target=run_loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended_well == [True] * len(threads)


# Not on asyncio, whose debug build asserts that a finished task is not in the list.
@pytest.mark.loop_kinds("ferraio", "installed")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio._register_task is for eager tasks, from 3.12 on")
def test_a_task_that_somebody_registers_again_leaves_the_list_when_it_dies(run):
    async def main():
        for _ in range(MANY):
            task = asyncio.create_task(asyncio.sleep(0))
            await task
            asyncio._register_task(task)
        del task
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="up to Python 3.13 the current tasks stand in a dict")
def test_the_current_task_is_known_whatever_becomes_of_the_dict_of_current_tasks(run):
    current_tasks = asyncio.tasks._current_tasks

    def grow():
        current_tasks.update((object(), None) for _ in range(100))

    def shrink():
        own = dict(current_tasks)
        current_tasks.clear()
        current_tasks.update(own)

    def lose_others():
        for key in [key for key in current_tasks if key is not asyncio.get_running_loop()]:
            del current_tasks[key]

    def move_to_the_end():
        loop = asyncio.get_running_loop()
        current_tasks[loop] = current_tasks.pop(loop)

    async def step(change):
        for _ in range(3):
            assert asyncio.current_task().get_name() == change.__name__
            change()
            await asyncio.sleep(0)
            assert asyncio.current_task().get_name() == change.__name__

    async def main():
        changes = [grow, shrink, lose_others, move_to_the_end, current_tasks.copy, grow]
        for order in (changes, changes[::-1]):
            await asyncio.gather(*(asyncio.create_task(step(change), name=change.__name__) for change in order))

    run(main)
    added = [key for key in current_tasks if type(key) is object]
    for key in added:
        del current_tasks[key]
    assert added and not current_tasks


def test_loops_in_several_threads_each_know_their_task(loop_factory):
    steps = 300

    async def step(name):
        for _ in range(steps):
            assert asyncio.current_task().get_name() == name
            await asyncio.sleep(0)

    async def main(thread):
        names = [f"{thread}-{number}" for number in range(5)]
        await asyncio.gather(*(asyncio.create_task(step(name), name=name) for name in names))
        return names

    def run_in_thread(thread):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(main(thread))

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(run_in_thread, range(8)))) == 8


def test_tasks_are_in_while_they_wait_and_out_when_they_are_done(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        tasks = {asyncio.create_task(waiting(future)) for _ in range(10)}
        assert asyncio.all_tasks() == {asyncio.current_task(), *tasks}
        assert asyncio.all_tasks(loop) == asyncio.all_tasks()
        future.set_result(None)
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_each_loop_has_its_own_tasks(new_loop):
    first, second = new_loop(), new_loop()
    tasks = {loop: loop.create_task(asyncio.sleep(0)) for loop in (first, second)}
    for loop, task in tasks.items():
        assert asyncio.all_tasks(loop) == {task}
    for loop, task in tasks.items():
        loop.run_until_complete(task)
        assert asyncio.all_tasks(loop) == set()
