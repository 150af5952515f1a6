"""Errors that are explained keep their type and their text; what is explained, and what is not."""

import asyncio
import gc
import logging
import os
import subprocess
import sys
import warnings

import ferraio
import pytest
from ferraio import diagnose


async def load():
    return {"name": "x"}


async def use_too_early():
    data = load()
    return data["name"]


def hints(error):
    return [note for note in getattr(error, "__notes__", ()) if note.startswith("hint[FER")]


def test_an_error_keeps_its_type_and_text_and_gets_one_note(diagnosing):
    diagnosing("hint")
    with pytest.raises(TypeError) as plain:
        asyncio.run(use_too_early())
    with pytest.raises(TypeError) as ours:
        ferraio.run(use_too_early())
    assert str(ours.value) == str(plain.value) == "'coroutine' object is not subscriptable"
    (note,) = hints(ours.value)
    assert "write `data = await load()`" in note
    diagnose.explain(ours.value)
    assert len(hints(ours.value)) == 1


@pytest.mark.parametrize("mode", ["log", "off", "hint,ignore=FER009"])
def test_without_hints_or_ignored_there_is_no_note(mode):
    with warnings.catch_warnings(record=True):
        with pytest.raises(TypeError) as raised:
            ferraio.run(use_too_early(), diagnose=mode)
        assert hints(raised.value) == []
        del raised
        gc.collect()  # the coroutine is in a cycle with the error


def test_what_is_explained_is_not_reported_once_more_as_never_awaited(diagnosing):
    found = diagnosing("hint")
    with warnings.catch_warnings(record=True), pytest.raises(TypeError):
        ferraio.run(use_too_early())
    assert [finding.code for finding in found] == ["FER009"]


def test_the_errors_of_a_group_are_explained(diagnosing):
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(use_too_early(), name="early")

    diagnosing("hint")
    with pytest.raises(ExceptionGroup) as raised:
        ferraio.run(main())
    (note,) = hints(raised.value.exceptions[0])
    assert "in task early" in note


def test_the_cause_of_an_error_is_explained(diagnosing):
    async def main():
        try:
            await use_too_early()
        except TypeError as error:
            raise ValueError("no data") from error

    diagnosing("hint")
    with pytest.raises(ValueError) as raised:
        ferraio.run(main())
    assert len(hints(raised.value.__cause__)) == 1


def test_the_error_of_a_callback_is_explained_where_it_is_logged(diagnosing, caplog):
    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)

    def callback():
        asyncio.run(main)

    diagnosing("hint")
    with caplog.at_level(logging.ERROR, "asyncio"):
        ferraio.run(main())
    (record,) = caplog.records
    assert len(hints(record.exc_info[1])) == 1


@pytest.mark.parametrize(
    ("mistake", "explanation"),
    [
        ("asyncio.create_task(load)", "an async function was given where its coroutine is wanted"),
        ("await 5", "what is awaited is no coroutine, but of the type int"),
    ],
)
def test_without_a_source_an_error_is_explained_in_general(diagnosing, mistake, explanation):
    names = {"asyncio": asyncio, "load": load}
    exec(f"async def main():\n    {mistake}", names)
    diagnosing("hint")
    with pytest.raises(TypeError) as raised:
        ferraio.run(names["main"]())
    (note,) = hints(raised.value)
    assert explanation in note


def test_an_error_that_takes_no_notes_is_no_trouble(diagnosing, capsys):
    class Stubborn(TypeError):
        def add_note(self, note):
            raise RuntimeError("no notes, please")

    async def main():
        raise Stubborn("'coroutine' object is not subscriptable")

    diagnosing("hint")
    with pytest.raises(Stubborn):
        ferraio.run(main())


@pytest.mark.parametrize(
    "error",
    [
        TypeError("'int' object is not subscriptable"),
        AttributeError("'str' object has no attribute 'x'"),
        RuntimeError("something else"),
        SyntaxError("invalid syntax"),
        TypeError(),
        KeyError("coroutine"),
        TypeError("'coroutine' object is not subscriptable"),
    ],
    ids=repr,
)
def test_other_errors_are_left_alone(diagnosing, error):
    async def main():
        raise error

    found = diagnosing("hint")
    with pytest.raises(type(error)):
        ferraio.run(main())
    assert (hints(error), found) == ([], [])


def test_a_syntax_error_without_a_file_is_left_alone(diagnosing):
    diagnosing("hint")
    for error in (SyntaxError("'await' outside function"), SyntaxError("'await' outside function", (None,) * 4)):
        diagnose.explain(error)
        assert hints(error) == []


def test_ferraio_run_in_a_running_loop_says_what_asyncio_says(diagnosing):
    async def main():
        coroutine = load()
        try:
            ferraio.run(coroutine)
        finally:
            coroutine.close()

    diagnosing("hint")
    with pytest.raises(RuntimeError) as raised:
        ferraio.run(main())
    assert str(raised.value) == "asyncio.run() cannot be called from a running event loop"
    (note,) = hints(raised.value)
    assert "write `await coroutine`" in note


def test_the_console_of_asyncio_explains_what_it_shows():
    outcome = subprocess.run(
        [sys.executable, "-m", "ferraio", "repl"],
        input="import asyncio\nasyncio.run(asyncio.sleep(0))\nawait asyncio.sleep(0, 'still here')\n",
        env=os.environ | {"FERRAIO": "hint"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 0
    assert "hint[FER004]: asyncio.run() was called while a loop runs" in outcome.stderr
    assert "write `await" in outcome.stderr
    assert "still here" in outcome.stdout


def test_a_note_names_the_line_where_a_loop_was_closed(diagnosing):
    diagnosing("hint")
    loop = ferraio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed") as raised:
        loop.call_soon(print)
    diagnose.explain(raised.value)
    (note,) = hints(raised.value)
    assert "a loop was closed here" in note and "loop.close()" in note
