"""Runs a module of a suite in one mode, and fails the pytest test at hand unless everything went as expected.

What fails with the stock loop too, on this machine, is not held against us.
"""

import sys

import battery
import pytest
import tally
from expectations import Expectations

VERSION = "{}.{}".format(*sys.version_info)


def as_expected(suite: battery.Suite, expectations: Expectations, module: str, mode: str) -> None:
    """Fails with a list of everything about the module's tests that `expectations` did not say."""
    outcomes = battery.run(suite, module, mode, leave_out=expectations.left_out(module, mode, VERSION))
    assert outcomes, f"{module} has no tests"
    findings = expectations.findings(module, mode, VERSION, outcomes)

    unexpected = {finding.test for finding in findings}
    failures = [test for test, outcome in outcomes.items() if outcome.is_bad and test in unexpected]
    on_asyncio = battery.run(suite, module, "asyncio", only=failures) if failures else {}
    fail_on_asyncio_too = {test for test, outcome in on_asyncio.items() if outcome.is_bad}
    findings = [finding for finding in findings if finding.test not in fail_on_asyncio_too]
    tally.add(suite.NAME, mode, outcomes, findings, fail_on_asyncio_too)

    if findings:
        listed = "\n\n".join(str(finding) for finding in findings)
        pytest.fail(f"{len(findings)} of {len(outcomes)} tests not as expected:\n\n{listed}", pytrace=False)
