"""FER001: a coroutine that was made and never awaited.

Python tells `warnings._warn_unawaited_coroutine` when such a coroutine is collected; while we diagnose, that name is
ours. The RuntimeWarning is given as ever, so filters, ``-W error`` and `warnings.catch_warnings` work; only where
Python itself would print it, the finding stands instead. Who silences the warning silences the finding.

Where the coroutine was made is what Python notes of each coroutine while the depth of its origin tracking is not 0.
With hints it is switched on at once, which costs some 50 to 90 ns for each coroutine; in log mode, after the first
finding.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
import linecache
import re
import sys
import threading
import traceback
import warnings
from dataclasses import replace
from functools import lru_cache
from types import FrameType, ModuleType

from ferraio import _ferraio
from ferraio.diagnose import reporter
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.forms import underlined, what_became_of_it, what_to_write
from ferraio.diagnose.settings import Settings
from ferraio.diagnose.source import find_call, is_of_a_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What was there before us, by its name.
_before: dict[str, Any] = {}
_tracking = False
# The coroutines whose warning is being given.
_being_warned_of: set[int] = set()


def start(settings: Settings) -> None:
    """Take the place of the function that Python calls; with hints, note where coroutines are made."""
    for place, name, ours in _STAND_INS:
        if getattr(place, name) is not ours:
            _before[name] = getattr(place, name)
            setattr(place, name, ours)
    if settings.shown:
        _track_origins()


def stop() -> None:
    """Give everything back as it was."""
    global _tracking
    for place, name, ours in _STAND_INS:
        if getattr(place, name) is ours:
            setattr(place, name, _before[name])
    if _tracking:
        _tracking = False
        _ferraio._note_call_sites(False)
        if sys.get_coroutine_origin_tracking_depth() == 1:
            sys.set_coroutine_origin_tracking_depth(0)


def _track_origins() -> None:
    global _tracking
    _tracking = True
    _ferraio._note_call_sites(True)
    if sys.get_coroutine_origin_tracking_depth() == 0:
        sys.set_coroutine_origin_tracking_depth(1)


def _set_coroutine_origin_tracking(loop: Any, enabled: object) -> None:
    """Python has a depth for each thread: a loop that begins to run is where ours is set in its own."""
    if _tracking:
        _track_origins()
    _before["_set_coroutine_origin_tracking"](loop, enabled)


def warn_unawaited_coroutine(coroutine: Any, above: int = 0) -> None:
    """Stand in for `warnings._warn_unawaited_coroutine`; `above` counts the functions between Python and this one."""
    collected_in = _frame(above + 2)
    text = _text_of_warning(coroutine)
    # What could not be reported is left to the warning.
    if not _is_silenced(text, collected_in) and _report(coroutine, collected_in):
        _being_warned_of.add(id(coroutine))
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=above + 2, source=coroutine)
    finally:
        _being_warned_of.discard(id(coroutine))


def look_at_globals(module: ModuleType | None) -> None:
    """Report the coroutines that a program which is over still holds in its variables, and that have not begun.

    While other threads go on, it is not over.
    """
    if module is None or threading.active_count() > 1:
        return
    for value in list(vars(module).values()):
        if inspect.iscoroutine(value) and inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
            _report(value, None)


def _report(coroutine: Any, collected_in: FrameType | None) -> bool:
    """Report a coroutine, unless an error was explained by it; tell whether that was possible."""
    try:
        finding = _finding(coroutine, collected_in)
        return reporter.was_found("FER009", finding.place) or reporter.report(finding)
    except Exception as error:
        reporter.give_up(error)
        return False


def _frame(depth: int) -> FrameType | None:
    try:
        return sys._getframe(depth)
    except ValueError:
        return None


def _text_of_warning(coroutine: Any) -> str:
    """Return the words of Python, which say where the coroutine was made when the program itself asked for that."""
    text = f"coroutine '{coroutine.__qualname__}' was never awaited"
    origin = coroutine.cr_origin
    if origin is None or (_tracking and len(origin) == 1):
        return text
    frames = [
        (filename, line, function, linecache.getline(filename, line)) for filename, line, function in reversed(origin)
    ]
    stack = "".join(traceback.format_list(frames))
    return f"{text}\nCoroutine created at (most recent call last)\n{stack}".rstrip("\n")


def _print_warning(message: Any) -> None:
    """Stand in for what prints warnings on stderr: not those that are shown as findings."""
    if reporter.settings.shown and message.source is not None and id(message.source) in _being_warned_of:
        return
    _before["_showwarnmsg_impl"](message)


def _is_silenced(text: str, frame: FrameType | None) -> bool:
    """Tell whether the program's filters ignore the warning."""
    filters = warnings._get_filters() if hasattr(warnings, "_get_filters") else warnings.filters  # type: ignore[attr-defined]
    module = "" if frame is None else frame.f_globals.get("__name__", "")
    line = 0 if frame is None else frame.f_lineno
    for action, message, category, in_module, at_line in filters:
        if (
            (message is None or re.match(message, text))
            and issubclass(RuntimeWarning, category)
            and (in_module is None or re.match(in_module, module))
            and at_line in (0, line)
        ):
            return action == "ignore"
    return False


def _finding(coroutine: Any, collected_in: FrameType | None) -> Finding:
    place, notes = _where_it_was_made(coroutine, collected_in)
    if not _tracking:
        _track_origins()
    finding = _at_place(coroutine.__qualname__, coroutine.__name__, place, notes)
    task = finding.place and _task_of(finding.place, collected_in)
    return replace(finding, task=task) if task else finding


@lru_cache(maxsize=reporter.MOST_SITES)
def _at_place(qualified_name: str, name: str, place: Place | None, notes: tuple[str, ...]) -> Finding:
    """Make the finding of a place. The source is asked once, however often it happens there."""
    call = place and find_call(place.filename, place.line, name, place.column)
    if call is not None:
        place, notes = underlined(call, place), what_became_of_it(call)
    return Finding(
        "FER001",
        f"coroutine {qualified_name}() was never awaited",
        place,
        notes=("the call only made a coroutine: nothing of its body has run", *notes),
        help=call and what_to_write(call),
    )


def where_it_was_made(coroutine: Any) -> Place | None:
    """Return the place of the call, if it was noted."""
    if coroutine.cr_origin:
        return Place(*coroutine.cr_origin[0])
    call_site = getattr(coroutine, "_call_site", None)
    return None if call_site is None else Place.of_code(*call_site)


def _where_it_was_made(coroutine: Any, collected_in: FrameType | None) -> tuple[Place | None, tuple[str, ...]]:
    place = where_it_was_made(coroutine)
    if collected_in is not None and _drops_a_value(collected_in):
        dropped_at = Place.of_frame(collected_in)
        # Python notes no columns: where a line makes several coroutines, the instruction tells which one this is.
        if place is None or (place.filename, place.line) == (dropped_at.filename, dropped_at.line):
            place = dropped_at
    if place is None:
        return Place.of_coroutine(coroutine), ("where it was called is not known; calls are noted from now on",)
    if is_of_a_loop(place.filename):
        defined = Place.of_coroutine(coroutine)
        return defined, ("it is an async function that was given to the loop as a callback, which awaits nothing",)
    return place, ()


def _drops_a_value(frame: FrameType) -> bool:
    """Tell whether a frame is at an instruction that drops what an expression on this very line has made."""
    instruction = frame.f_code.co_code[frame.f_lasti]
    return dis.opname[instruction] in ("POP_TOP", "TO_BOOL", "FORMAT_SIMPLE", "FORMAT_VALUE")


def _task_of(place: Place, collected_in: FrameType | None) -> str | None:
    """Return the name of the task that made it: the one that runs, if it is in the function of the place."""
    if asyncio._get_running_loop() is None:
        return None
    task = asyncio.current_task()
    if task is None:
        return None
    codes = [getattr(task.get_coro(), "cr_code", None)]
    while collected_in is not None:
        codes.append(collected_in.f_code)
        collected_in = collected_in.f_back
    here = place.filename, place.function.rpartition(".")[2]
    return task.get_name() if any(code and (code.co_filename, code.co_name) == here for code in codes) else None


_STAND_INS: tuple[tuple[Any, str, Any], ...] = (
    (warnings, "_warn_unawaited_coroutine", warn_unawaited_coroutine),
    (warnings, "_showwarnmsg_impl", _print_warning),
    (asyncio.BaseEventLoop, "_set_coroutine_origin_tracking", _set_coroutine_origin_tracking),
)
