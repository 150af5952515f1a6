"""Whatever arrives in whatever pieces: ferraio's StreamReader answers as asyncio's does, in the same turn.

A failure prints the number of the story; `trace(number, …)` plays it again.
"""

import asyncio
import pprint
import random
import sys

import pytest
from ferraio import _streams

AsynciosReader = asyncio.StreamReader  # nothing is installed when tests are collected

BATCHES = 10
STORIES_IN_A_BATCH = 150

SEPARATORS = [b"\n", b"\r\n", b";", b"ab", b"aab", b"abab;", b"", [b"\n"]]
if sys.version_info >= (3, 13):
    SEPARATORS += [(b"\r\n", b"\n"), (b"aab", b"ab", b"b;"), (b"a", b"aaaa"), ()]

QUESTIONS = [
    *(("read", size) for size in (-1, 0, 1, 3, 30)),
    *(("readexactly", size) for size in (-1, 0, 1, 7, 40)),
    *(("readuntil", separator) for separator in SEPARATORS * 2),
    *[("readline",), ("__anext__",)] * 4,
]


class Transport(asyncio.Transport):
    """Notes when it is to pause."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")


def outcome(task):
    """Return all that can be known of how a task ended."""
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    if error is None:
        return task.result()
    return type(error).__name__, error.args, vars(error)


async def ask(stream, name, *arguments):
    return await getattr(stream, name)(*arguments)


async def story(number, reader_class):
    """Feed pieces and ask questions in turns; return what could be seen in each."""
    chance = random.Random(number)
    loop = asyncio.get_running_loop()
    stream = reader_class(limit=chance.choice((1, 5, 20, 2**16)), loop=loop)
    transport = Transport()
    stream.set_transport(transport)
    seen = []
    task, ended = None, False
    for _ in range(chance.randrange(5, 60)):
        match chance.choices(("feed", "ask", "cancel", "end", "fail"), (50, 50, 3, 2, 1))[0]:
            case "feed" if not ended:
                stream.feed_data(bytes(chance.choices(b"ab\r\n;", k=chance.choice((0, 1, 2, 3, 10, 60)))))
            case "ask" if task is None:
                task = loop.create_task(ask(stream, *chance.choice(QUESTIONS)))
            case "cancel" if task is not None:
                task.cancel()
            case "end":
                ended = True
                stream.feed_eof()
            case "fail":
                stream.set_exception(LookupError(number))
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        seen.append((list(transport.calls), bytes(stream._buffer), stream.at_eof(), task is None or task.done()))
        if task is not None and task.done():
            seen.append(outcome(task))
            task = None
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
    return seen


def trace(number, reader_class, loop_factory):
    # In debug mode the loop would note where each of the many tasks was made, which takes most of the time.
    with asyncio.Runner(loop_factory=loop_factory, debug=False) as runner:
        return runner.run(story(number, reader_class))


def first_difference(expected, found):
    """Return what comes before the first turn that differs, and the turns from there on."""
    place = next(place for place, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1])
    return {"before": expected[:place], "on asyncio": expected[place:][:3], "on ferraio": found[place:][:3]}


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.loop_kinds("ferraio")
def test_a_random_stream_is_read_alike(loop_factory, batch):
    for number in range(batch * STORIES_IN_A_BATCH, (batch + 1) * STORIES_IN_A_BATCH):
        expected = trace(number, AsynciosReader, asyncio.SelectorEventLoop)
        found = trace(number, _streams.StreamReader, loop_factory)
        if found != expected:
            difference = pprint.pformat(first_difference(expected, found), width=150)
            pytest.fail(f"story {number}:\n{difference}", pytrace=False)
