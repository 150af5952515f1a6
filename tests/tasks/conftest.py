"""What the tests of tasks share: a loop that notes what its exception handler is told."""

import pytest


@pytest.fixture
def loop(new_loop):
    """A loop; `loop.reports` has what its exception handler is told."""
    loop = new_loop()
    loop.reports = []
    loop.set_exception_handler(lambda _, context: loop.reports.append(context))
    return loop
