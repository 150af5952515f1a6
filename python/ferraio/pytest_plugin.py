"""``pytest --ferraio`` tells at the end which mistakes were found; with ``--ferraio=strict`` tests fail for them.

The tests run on ferraio: tasks that are lost and deadlocks are what its loop sees, and asyncio's does not.
pytest imports this module wherever ferraio is installed, so it imports nothing more before it is asked to.
"""

from __future__ import annotations

import gc

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("ferraio", "diagnosing async mistakes")
    # Two flags, for an option with an optional value would swallow the path that follows it.
    for option, mode, effect in (
        ("--ferraio", "hint", "tell at the end which async mistakes were found"),
        ("--ferraio=strict", "strict", "let a test fail that leaves FER001, FER006 or FER007 behind"),
    ):
        group.addoption(option, dest="ferraio", action="store_const", const=mode, help=effect)


def pytest_configure(config):
    mode = config.getoption("ferraio")
    if mode is not None:
        config.pluginmanager.register(_Diagnosing(mode), "ferraio-diagnosing")


class _Diagnosing:
    """Watches what is found while each test runs."""

    def __init__(self, mode):
        from ferraio import _install, diagnose
        from ferraio.diagnose import observer, rendering, reporter

        # Before the modules of the tests import asyncio's names.
        self._install = _install
        _install.begin_run()
        self._diagnose, self._reporter, self._rendering = diagnose, reporter, rendering
        self._deadlock = observer.Deadlock
        self._settings = diagnose.Settings(mode=mode)
        # What was found while the test at hand ran, and by site: the first test with it, what it was, how often.
        self._now = []
        self._sites = {}
        self._test = None

    def pytest_sessionstart(self):
        self._diagnosis = self._diagnose.start(self._settings)
        self._reporter.observers.append(self._found)
        self._reporter.show = lambda text: None

    def pytest_sessionfinish(self):
        gc.collect()
        self._diagnose.stop(self._diagnosis)
        self._reporter.observers.remove(self._found)
        self._reporter.show = self._reporter.write
        self._install.end_run()

    def _found(self, finding):
        self._now.append(finding)
        test, first, count = self._sites.get(finding.site, (self._test, finding, 0))
        self._sites[finding.site] = test, first, count + 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self._test = item.nodeid
        self._now.clear()
        try:
            return (yield)
        finally:
            self._test = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self):
        try:
            result = yield
        except self._deadlock:
            # The test has failed by it already.
            self._now[:] = [finding for finding in self._now if finding.code != "FER007"]
            raise
        self._fail_if_strict()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self):
        result = yield
        self._fail_if_strict()
        return result

    def _fail_if_strict(self):
        """Fail when errors were found; each is told once."""
        if self._settings.mode != "strict":
            return
        # Coroutines and tasks that are garbage are found when they go.
        gc.collect()
        errors = [finding for finding in self._now if self._reporter.is_error(finding)]
        self._now.clear()
        if errors:
            pytest.fail("\n".join(self._rendering.as_note(finding) for finding in errors), pytrace=False)

    def pytest_terminal_summary(self, terminalreporter):
        if not self._sites:
            return
        terminalreporter.section("ferraio")
        for test, finding, count in self._sites.values():
            times = f", {count} times" if count > 1 else ""
            terminalreporter.line(f"{test or 'outside of tests'}{times}")
            terminalreporter.line(self._rendering.in_full(finding, colours=terminalreporter.hasmarkup))
            terminalreporter.line("")
