"""The same program does the same things, in the same turns, on asyncio and on ferraio.

A failure prints the number of the program; `make_program(number)` makes it again.
"""

import asyncio
import pprint
import warnings

import ferraio
import pytest

from .generate import make_program
from .interpret import trace

BATCHES = 10
PROGRAMS_IN_A_BATCH = 100


def first_difference(expected, found):
    """Return what comes before the first event that differs, and the events from there on."""
    place = 0
    while place < min(len(expected), len(found)) and expected[place] == found[place]:
        place += 1
    return {
        "before": expected[max(0, place - 5) : place],
        "on asyncio": expected[place : place + 5],
        "on ferraio": found[place : place + 5],
    }


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.loop_kinds("ferraio", "installed")
@pytest.mark.filterwarnings("ignore")
def test_a_random_program_leaves_the_same_trace(loop_kind, loop_factory, batch):
    for number in range(batch * PROGRAMS_IN_A_BATCH, (batch + 1) * PROGRAMS_IN_A_BATCH):
        program = make_program(number)
        found = trace(program, loop_factory)
        expected = trace_on_asyncio(program)
        if found != expected:
            difference = pprint.pformat(first_difference(expected, found), width=150)
            pytest.fail(f"program {number}:\n{pprint.pformat(program, width=150)}\n{difference}", pytrace=False)


def trace_on_asyncio(program):
    installed = ferraio.installed()
    ferraio.uninstall()
    try:
        return trace(program, asyncio.SelectorEventLoop)
    finally:
        if installed:
            ferraio.install()


def test_a_program_is_the_same_for_the_same_number():
    assert make_program(7) == make_program(7)
    assert make_program(7) != make_program(8)


def test_a_trace_is_the_same_for_the_same_program():
    with warnings.catch_warnings(action="ignore"):
        first, second = (trace(make_program(20), asyncio.SelectorEventLoop) for _ in range(2))
    assert first == second
    assert first[-1][0] > 0
