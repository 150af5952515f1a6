"""`ferraio.run` does what `asyncio.run` does, on ferraio's loop, with asyncio's names ferraio's meanwhile."""

import asyncio
import contextvars
import threading

import ferraio
import pytest


async def nothing():
    pass


def run_asyncio(main, **options):
    return asyncio.run(main, **options)


@pytest.fixture(autouse=True)
def not_installed():
    was_installed = ferraio.installed()
    ferraio.uninstall()
    yield
    if was_installed:
        ferraio.install()


@pytest.fixture(params=[run_asyncio, ferraio.run], ids=["asyncio", "ferraio"])
def run(request):
    return request.param


def failure_of(run, make_main):
    with pytest.raises(Exception) as caught:
        run(make_main())
    return type(caught.value), str(caught.value)


def test_result_of_the_coroutine_is_returned(run):
    async def main():
        await asyncio.sleep(0)
        return 42

    assert run(main()) == 42


def test_exception_of_the_coroutine_is_raised(run):
    error = LookupError("mine")

    async def main():
        raise error

    with pytest.raises(LookupError) as caught:
        run(main())
    assert caught.value is error


@pytest.mark.parametrize("main", [None, 5, "text", nothing, [], object], ids=repr)
def test_what_is_no_coroutine_is_refused_in_asyncio_s_words(main):
    assert failure_of(ferraio.run, lambda: main) == failure_of(asyncio.run, lambda: main)


def test_awaitable_is_taken_or_refused_as_by_asyncio():
    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 7

        def __repr__(self):
            return "<awaitable>"

    def outcome(run):
        try:
            return run(Awaitable())
        except Exception as error:
            return type(error), str(error)

    assert outcome(ferraio.run) == outcome(asyncio.run)


def test_run_within_a_running_loop_is_refused_in_asyncio_s_words(run):
    async def main():
        coroutine = nothing()
        try:
            return failure_of(run, lambda: coroutine)
        finally:
            coroutine.close()

    expected = (RuntimeError, "asyncio.run() cannot be called from a running event loop")
    assert asyncio.run(main()) == expected
    assert ferraio.run(main()) == expected
    assert not ferraio.installed()


def test_arguments_are_checked_as_by_asyncio(run):
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        run(nothing, nonsense=1)


@pytest.mark.parametrize("debug", [None, False, True])
def test_debug_mode_is_that_of_asyncio_run(debug):
    async def main():
        return asyncio.get_running_loop().get_debug()

    assert ferraio.run(main(), debug=debug) is asyncio.run(main(), debug=debug)


def test_loop_is_closed_and_tasks_are_cancelled_at_the_end(run):
    seen = []

    async def forever():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        asyncio.get_running_loop().create_task(forever())
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    loop = run(main())
    assert loop.is_closed()
    assert seen == ["cancelled"]


def test_async_generators_are_closed_at_the_end(run):
    seen = []

    async def numbers():
        try:
            yield 1
        finally:
            seen.append("closed")

    async def main():
        generator = numbers()
        await anext(generator)
        return generator

    run(main())
    assert seen == ["closed"]


def test_context_of_the_caller_is_copied(run):
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("outside")

    async def main():
        seen = variable.get()
        variable.set("inside")
        return seen

    assert run(main()) == "outside"
    assert variable.get() == "outside"


def test_loop_and_task_are_ferraio_s():
    async def main():
        return type(asyncio.get_running_loop()), type(asyncio.current_task())

    assert ferraio.run(main()) == (ferraio.EventLoop, ferraio.Task)
    assert ferraio.run(main(), install=False) == (ferraio.EventLoop, ferraio.Task)


def test_names_of_asyncio_are_ferraio_s_while_it_runs():
    original = asyncio.gather

    async def main():
        assert ferraio.installed()
        return asyncio.gather

    assert ferraio.run(main()) is ferraio.gather
    assert asyncio.gather is original
    assert not ferraio.installed()


def test_names_are_given_back_after_an_exception():
    original = asyncio.gather

    async def main():
        raise KeyError

    with pytest.raises(KeyError):
        ferraio.run(main())
    assert asyncio.gather is original


def test_names_stay_asyncio_s_when_asked_to():
    original = asyncio.gather

    async def main():
        return asyncio.gather

    assert ferraio.run(main(), install=False) is original


def test_run_leaves_an_installation_for_good_in_place():
    ferraio.install()
    ferraio.run(nothing())
    assert asyncio.gather is ferraio.gather
    ferraio.uninstall()


def test_install_during_a_run_outlasts_it():
    async def main():
        ferraio.install()

    ferraio.run(main())
    assert asyncio.gather is ferraio.gather
    ferraio.uninstall()
    assert asyncio.gather is not ferraio.gather


def test_uninstall_during_a_run_takes_effect_at_its_end():
    async def main():
        ferraio.uninstall()
        return asyncio.gather

    ferraio.install()
    assert ferraio.run(main()) is ferraio.gather
    assert asyncio.gather is not ferraio.gather


def test_names_last_as_long_as_the_last_of_several_runs():
    first_runs, second_is_over = threading.Event(), threading.Event()
    seen = []

    async def first():
        first_runs.set()
        second_is_over.wait()
        seen.append(asyncio.gather is ferraio.gather)

    thread = threading.Thread(target=lambda: ferraio.run(first()))
    thread.start()
    first_runs.wait()
    ferraio.run(nothing())
    second_is_over.set()
    thread.join()
    assert seen == [True]
    assert asyncio.gather is not ferraio.gather


def test_new_event_loop_is_a_loop_factory():
    async def main():
        return asyncio.get_running_loop()

    with asyncio.Runner(loop_factory=ferraio.new_event_loop) as runner:
        loop = runner.run(main())
        assert type(loop) is ferraio.EventLoop
        assert runner.run(main()) is loop
    assert loop.is_closed()
