"""Places: where a frame, some code or a coroutine is."""

import sys
from pathlib import Path

from ferraio.diagnose.finding import Finding, Place


async def waits(awaitable):
    await awaitable


class Ready:
    def __await__(self):
        yield


def first_line():
    return waits.__code__.co_firstlineno


def test_of_a_frame():
    place = Place.of_frame(sys._getframe())
    assert (place.filename, place.line, place.function) == (__file__, sys._getframe().f_lineno - 1, "test_of_a_frame")
    line = Path(__file__).read_text().splitlines()[place.line - 1]
    assert line[place.column : place.end_column] == "Place.of_frame(sys._getframe())"
    assert str(place) == f"{__file__}:{place.line}:{place.column + 1}"


def test_of_a_coroutine_that_waits():
    coroutine = waits(Ready())
    coroutine.send(None)
    place = Place.of_coroutine(coroutine)
    assert (place.line, place.function) == (first_line() + 1, "waits")
    coroutine.close()


def test_of_a_coroutine_that_has_not_begun_and_of_one_that_is_over():
    coroutine = waits(Ready())
    assert Place.of_coroutine(coroutine).line == first_line()
    coroutine.close()
    assert Place.of_coroutine(coroutine).line == first_line()


def test_what_is_no_coroutine_has_no_place():
    assert Place.of_coroutine(object()) is None


def test_of_code_without_positions():
    code = compile("x = 1", "made.py", "exec").replace(co_linetable=b"")
    assert Place.of_code(code, 2) == Place("made.py", 1, "<module>")


def test_a_site_is_a_code_and_a_place():
    assert Finding("FER001", "a", Place("f", 1, "x")).site == Finding("FER001", "b", Place("f", 1)).site
    assert Finding("FER001", "a", Place("f", 1, "x", 3)).site != Finding("FER001", "a", Place("f", 1, "x", 9)).site
    assert Finding("FER001", "a").site != Finding("FER001", "b").site
