"""The list of expected failures cannot rot, and a crash in one test does not hide the tests behind it."""

import battery
import cpython_suite
import pytest
from battery import Outcome
from expectations import Entry, Expectations

PASSED = Outcome("passed")
FAILED = Outcome("failed", "AssertionError")


LISTED_BUT_PASSES = "passes, but is listed as failing: why"


def findings(entry, outcomes):
    expectations = Expectations(not_run=(), failing=(entry,))
    found = expectations.findings("test_x", "loop", "3.13", outcomes)
    return {finding.test: finding.what for finding in found}


def test_a_failure_that_is_listed_is_no_finding():
    assert findings(Entry(("test_x.A.*",), "why"), {"test_x.A.one": FAILED}) == {}


def test_a_failure_that_is_not_listed_is_a_finding():
    outcomes = {"test_x.A.one": FAILED, "test_x.A.two": FAILED}
    assert findings(Entry(("test_x.A.one",), "why"), outcomes) == {"test_x.A.two": "failed"}


def test_a_listed_test_that_passes_is_a_finding():
    outcomes = {"test_x.A.one": PASSED, "test_x.A.two": FAILED}
    assert findings(Entry(("test_x.A.*",), "why"), outcomes) == {"test_x.A.one": LISTED_BUT_PASSES}
    assert findings(Entry(("test_x.A.*",), "why", some_pass=True), outcomes) == {}


def test_a_pattern_of_which_all_pass_is_a_finding_even_if_some_may():
    entry = Entry(("test_x.A.*",), "why", some_pass=True)
    assert findings(entry, {"test_x.A.one": PASSED}) == {"test_x.A.one": LISTED_BUT_PASSES}


def test_an_entry_without_a_test_is_a_finding():
    entry = Entry(("test_x.A.gone",), "why")
    no_such_test = "is listed as failing, but there is no such test"
    assert findings(entry, {"test_x.A.one": PASSED}) == {"test_x.A.gone": no_such_test}


def test_an_entry_speaks_only_of_its_versions_and_modes():
    outcomes = {"test_x.A.one": FAILED}
    for elsewhere in ({"modes": ("installed",)}, {"versions": ("3.11",)}):
        assert findings(Entry(("test_x.A.one",), "why", **elsewhere), outcomes) == {"test_x.A.one": "failed"}
    here = Entry(("test_x.A.one",), "why", versions=("3.13",), modes=("loop",))
    assert findings(here, outcomes) == {}


def test_an_entry_without_a_reason_is_refused(tmp_path):
    file = tmp_path / "expected_failures.toml"
    file.write_text('[[expected_failure]]\ntests = ["test_x.A.one"]\nreason = ""\n')
    with pytest.raises(ValueError, match="needs tests and a reason"):
        Expectations.read(file)


@pytest.fixture
def module_that_dies(monkeypatch, tmp_path):
    package = tmp_path / "test" / "test_asyncio"
    package.mkdir(parents=True)
    for init in (package.parent / "__init__.py", package / "__init__.py"):
        init.write_text("")
    (package / "test_dying.py").write_text(
        "import os, threading, unittest\n"
        "class Tests(unittest.TestCase):\n"
        "    def test_1_passes(self): pass\n"
        "    def test_2_dies(self): os.abort()\n"
        "    def test_3_fails(self): self.fail('on purpose')\n"
        "    def test_4_hangs(self): threading.Event().wait()\n"
        "    def test_5_fails_in_clean_up(self): self.addCleanup(lambda: 1 / 0)\n"
        "    def test_6_passes(self): pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(battery, "SECONDS_PER_TEST", 1)
    return "test_dying"


def test_after_a_test_that_dies_or_hangs_the_others_are_run(module_that_dies):
    outcomes = battery.run(cpython_suite, module_that_dies, "asyncio", leave_out=["*.test_6_*"])
    assert {name.partition("Tests.")[2]: outcome.kind for name, outcome in outcomes.items()} == {
        "test_1_passes": "passed",
        "test_2_dies": "died",
        "test_3_fails": "failed",
        "test_4_hangs": "died",
        "test_5_fails_in_clean_up": "failed",
    }
    assert "SIGABRT" in outcomes["test_dying.Tests.test_2_dies"].detail
    assert "test_4_hangs" in outcomes["test_dying.Tests.test_4_hangs"].detail
