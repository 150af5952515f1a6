"""FER005: no loop runs, the loop is closed, or something belongs to another loop.

While we diagnose, the places where loops are made and closed are remembered.
"""

from __future__ import annotations

import asyncio
import re
import sys
import weakref
from types import TracebackType
from typing import Any

from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.settings import Settings
from ferraio.diagnose.source import is_of_a_loop

#: How many loops are named in a note.
_MOST_LOOPS = 4

# The places where each loop was made and closed.
_made: weakref.WeakKeyDictionary[Any, Place] = weakref.WeakKeyDictionary()
_closed: weakref.WeakKeyDictionary[Any, Place] = weakref.WeakKeyDictionary()
_last_closed: Place | None = None
_before: dict[str, Any] = {}

_NO_LOOP = re.compile(r"no running event loop|There is no current event loop in thread|no current event loop")
_OTHER_LOOP = re.compile(
    r".*(attached to a different loop|is bound to a different event loop|belongs to a different loop)", re.DOTALL
)
_CLOSED = re.compile(r"Event loop is closed")


def start(settings: Settings) -> None:
    """With hints, remember where loops are made and closed."""
    if settings.shown:
        for name, ours in _STAND_INS.items():
            if getattr(asyncio.BaseEventLoop, name) is not ours:
                _before[name] = getattr(asyncio.BaseEventLoop, name)
                setattr(asyncio.BaseEventLoop, name, ours)


def stop() -> None:
    """Give the methods back."""
    for name, ours in _STAND_INS.items():
        if getattr(asyncio.BaseEventLoop, name) is ours:
            setattr(asyncio.BaseEventLoop, name, _before[name])


def _init(loop: Any) -> None:
    _before["__init__"](loop)
    place = _place_of_program()
    if place is not None:
        _made[loop] = place


def _close(loop: Any) -> None:
    global _last_closed
    if not loop.is_closed():
        place = _place_of_program()
        if place is not None:
            _closed[loop] = _last_closed = place
    _before["close"](loop)


_STAND_INS = {"__init__": _init, "close": _close}


def _place_of_program() -> Place | None:
    """Return the innermost place that is not in a loop's own code."""
    frame = sys._getframe(1)
    while frame is not None and is_of_a_loop(frame.f_code.co_filename):
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else Place.of_frame(frame)


def explain(error: BaseException, steps: list[TracebackType], task: str | None) -> Finding | None:
    """Say where the loops were made or closed, and what to do."""
    if not isinstance(error, RuntimeError | ValueError):
        return None
    steps = [step for step in steps if not is_of_a_loop(step.tb_frame.f_code.co_filename)]
    text = str(error)
    place = Place.of_code(steps[-1].tb_frame.f_code, steps[-1].tb_lasti, steps[-1].tb_lineno) if steps else None
    if _NO_LOOP.match(text):
        return Finding(
            "FER005",
            "this needs a running loop, and none runs in this thread",
            place,
            help="call it in a coroutine that `asyncio.run(main())` runs; from another thread, hand it over with "
            "`asyncio.run_coroutine_threadsafe(coroutine, loop)`",
        )
    if _OTHER_LOOP.match(text):
        return Finding(
            "FER005",
            "this belongs to another loop than the one that runs",
            place,
            notes=("locks, queues, futures and connections belong to the loop in which they were first used",),
            help="make it in the coroutine that uses it, and call `asyncio.run()` once for the whole program",
            task=task,
            related=_loops(),
        )
    if _CLOSED.match(text):
        return Finding(
            "FER005",
            "this loop is closed already",
            place,
            notes=("`asyncio.run()` closes its loop at the end, and what was made in it is of no use any more",),
            help="call `asyncio.run()` once for the whole program, and close connections before it ends",
            task=task,
            related=((_last_closed, "a loop was closed here"),) if _last_closed is not None else (),
        )
    return None


def _loops() -> tuple[tuple[Place, str], ...]:
    """Return where the latest loops were made and closed."""
    places = []
    for loop, made in list(_made.items())[-_MOST_LOOPS:]:
        places.append((made, f"a loop was made here{', which is closed' if loop.is_closed() else ''}"))
    return tuple(places)
