"""CPython's own test_asyncio, on ferraio's loop and with ferraio installed.

`loop`: every loop that the tests make is ferraio's; all else is asyncio's own.
`installed`: also Task, Future, gather, TaskGroup … are ferraio's, and the tests meant for the accelerated
Task and Future in C run on ours.

One pytest test stands for one module in one mode, and names each of CPython's tests that was not as expected.
"""

import sys
from pathlib import Path

import cpython_suite
import judgement
import pytest
from expectations import Expectations

EXPECTATIONS = Expectations.read(Path(__file__).with_name("expected_failures.toml"))
MODULES = cpython_suite.modules_of_this_python() or [
    pytest.param("", marks=pytest.mark.skip(f"{sys.executable} came without test.test_asyncio"))
]


@pytest.mark.may_take(minutes=0)  # each test in it has 30 seconds
@pytest.mark.parametrize("mode", [pytest.param("loop", marks=pytest.mark.slow), "installed"])
@pytest.mark.parametrize("module", MODULES)
def test_cpython_asyncio(module, mode):
    judgement.as_expected(cpython_suite, EXPECTATIONS, module, mode)
