"""What the tests of diagnosing share: settings that last for one test, and a look at what was found."""

import gc
import warnings

import pytest
from ferraio import diagnose
from ferraio.diagnose import reporter, settings


@pytest.fixture
def diagnosing():
    """Diagnose until the test is over: `diagnosing("hint")`; returns the list that findings come into."""
    found, opened = [], []

    def begin(text="hint"):
        opened.append(diagnose.start(settings.parse(text)))
        reporter.observers.append(found.append)
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # what tests before left behind is not for this one
    reporter.forget()
    yield begin
    for each in reversed(opened):
        reporter.observers.remove(found.append)
        diagnose.stop(each)
    reporter.forget()
