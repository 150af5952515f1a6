"""What every test can ask for: to run on asyncio, on ferraio's loop, and with ferraio installed.

    def test_sleep_returns_its_result(run):
        async def main():
            assert await asyncio.sleep(0, "done") == "done"

        run(main)

runs three times, and so says that ferraio behaves as asyncio does. A test for ferraio alone marks itself with
`@pytest.mark.loop_kinds("ferraio", "installed")`, which chooses among the three.
"""

import asyncio
from pathlib import Path

import pytest

pytest_plugins = ("watchdog",)

LOOP_KINDS = ("asyncio", "ferraio", "installed")
DOWNSTREAM = Path(__file__).parent / "downstream"
DIAGNOSE = Path(__file__).parent / "diagnose"


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out the tests marked slow")
    parser.addoption(
        "--diagnosed",
        action="store_true",
        help="diagnose each test: it must behave as ever, and no deadlock may be called certain",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds; left out by --quick")
    config.addinivalue_line("markers", f"loop_kinds(*kinds): run on these of {', '.join(LOOP_KINDS)} only")


def pytest_ignore_collect(collection_path, config):
    """The tests with other people's programs need an environment of their own, and so run only when asked for."""
    if collection_path == DOWNSTREAM:
        asked_for = [Path(config.invocation_params.dir, name.partition("::")[0]).resolve() for name in config.args]
        return None if any(DOWNSTREAM in (path, *path.parents) for path in asked_for) else True


def pytest_collection_modifyitems(config, items):
    if config.getoption("--quick"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_generate_tests(metafunc):
    if "loop_kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("loop_kinds")
        metafunc.parametrize("loop_kind", marker.args if marker else LOOP_KINDS, indirect=True)


@pytest.fixture(autouse=True)
def _diagnosed(request):
    """With `--diagnosed`: the test is diagnosed, but for those of diagnosing, and fails if a deadlock is certain."""
    if not request.config.getoption("--diagnosed") or DIAGNOSE in request.path.parents:
        yield
        return
    from ferraio import diagnose
    from ferraio.diagnose import reporter

    found = []
    # Without notes on errors, which `pytest.raises(match=…)` would look at.
    detectors = tuple(name for name in diagnose.DETECTORS if name != "explanations")
    diagnosis = diagnose.start(diagnose.Settings(mode="hint"), detectors)
    reporter.observers.append(found.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporter, "write", lambda text: None)
        yield
    reporter.observers.remove(found.append)
    diagnose.stop(diagnosis)
    certain = [finding.message for finding in found if finding.message.startswith("deadlock")]
    assert not certain, certain


@pytest.fixture
def loop_kind(request):
    """`asyncio`, `ferraio` (its loop alone) or `installed` (asyncio's names are ferraio's as well)."""
    kind = request.param
    if kind != "installed":
        yield kind
        return
    import ferraio

    ferraio.install()
    yield kind
    ferraio.uninstall()


@pytest.fixture
def loop_factory(loop_kind):
    """Makes a loop of the kind under test; the caller closes it."""
    if loop_kind == "asyncio":
        return asyncio.SelectorEventLoop
    import ferraio

    return ferraio.new_event_loop


@pytest.fixture
def new_loop(loop_factory):
    """Makes loops of the kind under test, which are closed when the test is over."""
    made = []

    def new_loop():
        made.append(loop_factory())
        return made[-1]

    yield new_loop
    for loop in made:
        if not loop.is_closed():
            loop.close()


@pytest.fixture
def run(loop_factory):
    """Runs a coroutine function on a new loop and returns its result: `run(main, *args, debug=None)`."""

    def run(main, *args, debug=None):
        with asyncio.Runner(loop_factory=loop_factory, debug=debug) as runner:
            return runner.run(main(*args))

    return run


@pytest.fixture
def loop(new_loop):
    """A loop; `loop.reports` has what its exception handler is told."""
    loop = new_loop()
    loop.reports = []
    loop.set_exception_handler(lambda _, context: loop.reports.append(context))
    return loop


@pytest.fixture
def problems():
    """Collects what the loop's exception handler is told: `problems.of_this_loop()` in a coroutine."""

    class Problems(list):
        def of_this_loop(self):
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: self.append(context))
            return self

        @property
        def messages(self):
            return [context["message"] for context in self]

    return Problems()
