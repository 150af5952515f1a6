"""uvloop's own tests, with ferraio in uvloop's place: its loop alone, and with ferraio installed as well.

uvloop runs most of its tests twice, on its own loop (classes named UV) and on asyncio's (AIO). We run the first kind.
The tests come from uvloop's source archive, see `uvloop_archive.py`; without it they are skipped.
"""

from pathlib import Path

import judgement
import pytest
import uvloop_archive
import uvloop_suite
from expectations import Expectations

EXPECTATIONS = Expectations.read(Path(__file__).with_name("uvloop_expected_failures.toml"))


@pytest.fixture(scope="module")
def archive():
    """Fetches the archive, or skips all of these tests."""
    try:
        uvloop_archive.fetch()
    except uvloop_archive.OutOfReach as out_of_reach:
        pytest.skip(str(out_of_reach))


@pytest.mark.slow
@pytest.mark.may_take(minutes=0)  # each test in it has 30 seconds
@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("mode", ["loop", "installed"])
@pytest.mark.parametrize("module", uvloop_suite.MODULES)
def test_uvloop(module, mode):
    if module in uvloop_suite.NEEDS:
        pytest.importorskip(uvloop_suite.NEEDS[module])
    judgement.as_expected(uvloop_suite, EXPECTATIONS, module, mode)
