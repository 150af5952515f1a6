"""CPython's own test_asyncio, on ferraio's loop and with ferraio installed.

`loop`: every loop that the tests make is ferraio's; all else is asyncio's own.
`installed`: also Task, Future, gather, TaskGroup … are ferraio's, and the tests meant for the accelerated
Task and Future in C run on ours.

One pytest test stands for one module in one mode, and names each of CPython's tests that was not as expected.
What fails with the stock loop too, on this machine, is not held against us.
"""

import sys
from pathlib import Path

import battery
import pytest
import tally
from expectations import Expectations

VERSION = "{}.{}".format(*sys.version_info)
EXPECTATIONS = Expectations.read(Path(__file__).with_name("expected_failures.toml"))
MODULES = battery.modules_of_this_python() or [
    pytest.param("", marks=pytest.mark.skip(f"{sys.executable} came without test.test_asyncio"))
]


@pytest.mark.parametrize("mode", [pytest.param("loop", marks=pytest.mark.slow), "installed"])
@pytest.mark.parametrize("module", MODULES)
def test_cpython_asyncio(module, mode):
    outcomes = battery.run(module, mode, leave_out=EXPECTATIONS.left_out(module, mode, VERSION))
    assert outcomes, f"{module} has no tests"
    findings = EXPECTATIONS.findings(module, mode, VERSION, outcomes)

    unexpected = {finding.test for finding in findings}
    failures = [test for test, outcome in outcomes.items() if outcome.is_bad and test in unexpected]
    on_asyncio = battery.run(module, "asyncio", only=failures) if failures else {}
    fail_on_asyncio_too = {test for test, outcome in on_asyncio.items() if outcome.is_bad}
    findings = [finding for finding in findings if finding.test not in fail_on_asyncio_too]
    tally.add(mode, outcomes, findings, fail_on_asyncio_too)

    if findings:
        listed = "\n\n".join(str(finding) for finding in findings)
        pytest.fail(f"{len(findings)} of {len(outcomes)} tests not as expected:\n\n{listed}", pytrace=False)
