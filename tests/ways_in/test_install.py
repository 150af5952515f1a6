"""`ferraio.install` puts ferraio under asyncio's names, `uninstall` takes it away, nothing else changes."""

import asyncio
import asyncio.tasks
import selectors
import subprocess
import sys
import warnings

import ferraio
import pytest

# What programs that imported early have in their hands.
EARLY = {name: getattr(asyncio, name) for name in ("Future", "Task", "gather", "sleep", "TaskGroup", "timeout")}

REPLACED = [
    ("Future", "futures"),
    ("Task", "tasks"),
    ("gather", "tasks"),
    ("sleep", "tasks"),
    ("TaskGroup", "taskgroups"),
    ("Timeout", "timeouts"),
    ("timeout", "timeouts"),
    ("timeout_at", "timeouts"),
]


def names_of_asyncio():
    modules = [name for name in sys.modules if name == "asyncio" or name.startswith("asyncio.")]
    policy = asyncio.unix_events._UnixDefaultEventLoopPolicy
    return {(module, name): value for module in modules for name, value in vars(sys.modules[module]).items()} | {
        ("policy", name): value for name, value in vars(policy).items()
    }


@pytest.fixture(autouse=True)
def not_installed():
    was_installed = ferraio.installed()
    ferraio.uninstall()
    yield
    ferraio.uninstall()
    if was_installed:
        ferraio.install()


@pytest.mark.parametrize(("name", "home"), REPLACED)
def test_name_is_ferraio_s_in_asyncio_and_where_it_is_defined(name, home):
    ferraio.install()
    assert getattr(asyncio, name) is getattr(ferraio, name)
    assert getattr(getattr(asyncio, home), name) is getattr(ferraio, name)


def test_name_is_ferraio_s_in_every_submodule_that_uses_it():
    ferraio.install()
    for name, early in EARLY.items():
        left = [place for place, value in names_of_asyncio().items() if value is early and place[1] == name]
        assert left == []


def test_implementations_under_private_names_stay():
    before = {
        (module, name): value for (module, name), value in names_of_asyncio().items() if name.startswith(("_C", "_Py"))
    }
    assert before
    ferraio.install()
    after = names_of_asyncio()
    assert {place: after[place] for place in before} == before


def test_what_tells_the_running_loop_stays():
    before = (
        asyncio._get_running_loop,
        asyncio._set_running_loop,
        asyncio.get_running_loop,
    )
    ferraio.install()
    assert before == (
        asyncio._get_running_loop,
        asyncio._set_running_loop,
        asyncio.get_running_loop,
    )


@pytest.mark.parametrize("times", [1, 2, 3])
def test_uninstall_gives_every_name_back_after_any_number_of_installs(times):
    before = names_of_asyncio()
    for _ in range(times):
        ferraio.install()
    assert names_of_asyncio() != before
    assert ferraio.installed()
    ferraio.uninstall()
    assert names_of_asyncio() == before
    assert not ferraio.installed()


def test_uninstall_without_install_does_nothing():
    before = names_of_asyncio()
    ferraio.uninstall()
    assert names_of_asyncio() == before


def test_patch_from_before_is_left_alone(monkeypatch):
    def patched(*arguments):
        return EARLY["gather"](*arguments)

    monkeypatch.setattr(asyncio, "gather", patched)
    ferraio.install()
    assert asyncio.gather is patched
    assert asyncio.tasks.gather is ferraio.gather
    ferraio.uninstall()
    assert asyncio.gather is patched
    assert asyncio.tasks.gather is EARLY["gather"]


def test_patch_where_the_name_is_defined_is_left_alone(monkeypatch):
    import functools

    @functools.wraps(asyncio.tasks.gather)
    def patched(*arguments):
        return EARLY["gather"](*arguments)

    monkeypatch.setattr(asyncio.tasks, "gather", patched)
    ferraio.install()
    assert asyncio.tasks.gather is patched
    ferraio.uninstall()
    assert asyncio.tasks.gather is patched


def test_patch_from_after_is_left_alone(monkeypatch):
    ferraio.install()
    ours = asyncio.sleep

    async def patched(delay):
        await ours(delay)

    asyncio.sleep = patched
    try:
        ferraio.uninstall()
        assert asyncio.sleep is patched
        assert asyncio.tasks.sleep is EARLY["sleep"]
    finally:
        asyncio.sleep = EARLY["sleep"]


async def running_loop():
    return type(asyncio.get_running_loop())


def test_new_loops_of_asyncio_are_ferraio_s():
    ferraio.install()
    loop = asyncio.new_event_loop()
    loop.close()
    assert type(loop) is ferraio.EventLoop
    assert asyncio.run(running_loop()) is ferraio.EventLoop
    with asyncio.Runner() as runner:
        assert runner.run(running_loop()) is ferraio.EventLoop
    ferraio.uninstall()
    assert asyncio.run(running_loop()) is asyncio.SelectorEventLoop


@pytest.mark.skipif(sys.version_info < (3, 13), reason="asyncio.EventLoop is new in 3.13")
def test_name_for_the_best_loop_means_ferraio_s():
    ferraio.install()
    assert asyncio.EventLoop is ferraio.EventLoop
    assert asyncio.run(running_loop(), loop_factory=asyncio.EventLoop) is ferraio.EventLoop


def test_selector_event_loop_called_by_its_name_is_ferraio_s():
    standard = asyncio.SelectorEventLoop
    ferraio.install()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert runner.run(running_loop()) is ferraio.EventLoop
    loop = asyncio.SelectorEventLoop(selector=None)
    loop.close()
    assert type(loop) is ferraio.EventLoop
    assert isinstance(loop, asyncio.SelectorEventLoop) and isinstance(loop, standard)
    assert issubclass(ferraio.EventLoop, asyncio.SelectorEventLoop) and issubclass(standard, asyncio.SelectorEventLoop)
    assert not isinstance(None, asyncio.SelectorEventLoop) and not issubclass(int, asyncio.SelectorEventLoop)
    ferraio.uninstall()
    assert asyncio.SelectorEventLoop is standard


def test_selector_event_loop_with_a_selector_is_asyncio_s():
    standard, selector = asyncio.SelectorEventLoop, selectors.PollSelector()
    ferraio.install()
    loop = asyncio.SelectorEventLoop(selector)
    assert type(loop) is standard and loop._selector is selector
    assert isinstance(loop, asyncio.SelectorEventLoop)
    loop.close()


def test_classes_derived_from_selector_event_loop_are_asyncio_s():
    ferraio.install()

    class Loop(asyncio.SelectorEventLoop):
        def __init__(self):
            super().__init__(selectors.PollSelector())

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(running_loop()) is Loop
    loop, other = Loop(), ferraio.new_event_loop()
    assert isinstance(loop, Loop) and isinstance(loop, asyncio.SelectorEventLoop)
    assert not isinstance(loop, ferraio.EventLoop) and not isinstance(other, Loop)
    loop.close()
    other.close()


def test_policy_of_the_program_still_wins():
    class Loop(asyncio.SelectorEventLoop):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)

        class Policy(asyncio.DefaultEventLoopPolicy):
            _loop_factory = Loop

        asyncio.set_event_loop_policy(Policy())
        try:
            ferraio.install()
            assert asyncio.run(running_loop()) is Loop
        finally:
            asyncio.set_event_loop_policy(None)


def test_get_event_loop_of_the_main_thread_makes_ferraio_s_where_it_makes_one(python):
    source = """\
import asyncio, sys, warnings
{install}
try:
    loop = asyncio.get_event_loop_policy().get_event_loop()
except RuntimeError as error:
    print(error)
else:
    print(type(loop).__module__)
    loop.close()
"""
    stock = python("-W", "ignore", "-c", source.format(install=""))
    ours = python("-W", "ignore", "-c", source.format(install="import ferraio; ferraio.install()"))
    expected = stock.output.replace("asyncio.unix_events", ferraio.EventLoop.__module__)
    assert (ours.status, ours.output, ours.errors) == (0, expected, "")


def test_installing_warns_of_nothing(python):
    program = "import ferraio, asyncio; ferraio.install(); asyncio.run(asyncio.sleep(0)); ferraio.uninstall()"
    outcome = python("-W", "error", "-c", program)
    assert (outcome.status, outcome.errors) == (0, "")


def test_importing_ferraio_imports_little_besides(python):
    program = (
        "import __future__, sys, asyncio; before = set(sys.modules); import ferraio; "
        "print([name for name in sorted(set(sys.modules) - before) if name.partition('.')[0] != 'ferraio'])"
    )
    assert python("-c", program).output == "[]\n"


def test_importing_ferraio_changes_nothing():
    program = (
        "import asyncio; before = dict(vars(asyncio)); import ferraio; "
        "assert vars(asyncio) == before and not ferraio.installed()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture(params=["ferraio's loop", "asyncio's loop"])
def run(request):
    """Run a coroutine while installed, on either loop."""
    factory = ferraio.new_event_loop if request.param == "ferraio's loop" else asyncio.SelectorEventLoop

    def run_installed(main):
        ferraio.install()
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    return run_installed


def test_new_names_and_early_imports_work_in_one_loop(run):
    async def child(number):
        await EARLY["sleep"](0)
        await asyncio.sleep(0)
        return number

    async def main():
        loop = asyncio.get_running_loop()
        seen = await EARLY["gather"](child(1), asyncio.gather(child(2), EARLY["gather"](child(3))))
        old, new = EARLY["Task"](child(4), loop=loop), asyncio.Task(child(5), loop=loop)
        seen += await asyncio.gather(old, new)
        async with asyncio.TaskGroup() as ours, EARLY["TaskGroup"]() as theirs:
            tasks = [ours.create_task(child(6)), theirs.create_task(child(7))]
        seen += [task.result() for task in tasks]
        for make_future in (EARLY["Future"], asyncio.Future):
            future = make_future(loop=loop)
            waiting = [EARLY["Task"](waits(future), loop=loop), asyncio.Task(waits(future), loop=loop)]
            loop.call_soon(future.set_result, 8)
            seen += await asyncio.gather(*waiting)
        return seen

    async def waits(future):
        return await future

    assert run(main()) == [1, [2, [3]], 4, 5, 6, 7, 8, 8, 8, 8]


def test_early_and_new_timeouts_nest(run):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None), EARLY["timeout"](0):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            async with EARLY["timeout"](None), asyncio.timeout(0):
                await asyncio.Event().wait()
        return asyncio.current_task().cancelling()

    assert run(main()) == 0


def test_objects_of_ferraio_are_instances_of_the_early_classes(run):
    async def main():
        loop = asyncio.get_running_loop()
        task, future = asyncio.ensure_future(asyncio.sleep(0)), loop.create_future()
        future.cancel()
        await task
        return [
            isinstance(task, EARLY["Task"]),
            isinstance(task, EARLY["Future"]),
            isinstance(future, EARLY["Future"]),
        ]

    assert run(main()) == [True, True, True]
    assert issubclass(ferraio.Task, EARLY["Task"])
    assert issubclass(ferraio.Future, EARLY["Future"])
    assert issubclass(ferraio.TaskGroup, EARLY["TaskGroup"])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_eager_task_factory_makes_tasks_of_ferraio(run):
    async def child():
        return "done at once"

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        task = asyncio.create_task(child())
        return type(task), task.done(), await task

    assert run(main()) == (ferraio.Task, True, "done at once")
