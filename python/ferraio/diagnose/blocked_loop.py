"""FER002: the loop is blocked, by a step that does not come to its end.

The watchdog (in Rust, a thread that needs no interpreter) sees it while it is so, and says which thread it is and what
the kernel knows of the cause. A thread of ours waits for that, looks at the frames of the blocked thread and reports.
A call that holds the interpreter keeps that thread waiting, too; then the watchdog reads the frames from memory, tells
the place on stderr itself, and we get the stack that it has seen when the block is over.

Both threads are there while we diagnose, and end before a fork, so that a child inherits no lock that a thread held.
Loops that run, or begin to, have them started again.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import os
import sys
import threading
import time
import weakref
from dataclasses import replace
from functools import cache

from ferraio import _ferraio
from ferraio.diagnose import rendering, reporter
from ferraio.diagnose.blocking_call import BlockingCall, Frame, frames_of_step
from ferraio.diagnose.finding import Finding
from ferraio.diagnose.library import PREFIXES
from ferraio.diagnose.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

#: How long a thread that writes a report is waited for: perhaps nobody reads what it writes.
_LONGEST_GOODBYE = 1.0

_settings: Settings | None = None
# The thread that fetches reports: held until it ends, and its number.
_fetching: _thread.LockType | None = None
_fetcher = 0
# The loop that ran last in a thread, by the number of the thread.
_loops: dict[int, weakref.ref[asyncio.AbstractEventLoop]] = {}
# What was reported of a block that is not over, with its cause, by the number of the thread.
_open: dict[int, tuple[Finding, str]] = {}
# The longest block so far, in seconds.
_longest = 0.0


def start(settings: Settings) -> None:
    """Watch the loops that begin to run from now on, and the one that runs in this thread."""
    global _settings, _longest
    _settings, _longest = settings, 0.0
    if _summary not in reporter.summaries:
        reporter.summaries.append(_summary)
    _begin()
    running = asyncio._get_running_loop()
    if isinstance(running, _ferraio.EventLoop):
        running._begin_to_be_watched()


def stop() -> None:
    """Watch no loop any more. What was found is reported before this returns."""
    global _settings
    _settings = None
    _end()
    _ferraio._forget_watchdog()


def begin_run(loop: asyncio.AbstractEventLoop) -> None:
    """A loop begins to run in this thread. The Rust loop calls it."""
    _loops[threading.get_ident()] = weakref.ref(loop)
    _begin()


def _begin() -> None:
    """Start both threads, unless they are there or diagnosing is off."""
    global _fetching
    if _settings is None or _fetching is not None:
        return
    form = _settings.format if _settings.shown and "FER002" not in _settings.ignore else ""
    _ferraio._start_watchdog(_settings.slow, PREFIXES, form, rendering.has_colours(), _reads_stacks())
    _fetching = _thread.allocate_lock()
    _fetching.acquire()
    begun = _thread.allocate_lock()
    begun.acquire()
    # No Thread object, so that a program that counts or joins its threads finds its own only.
    _thread.start_new_thread(_fetch_reports, (_fetching, begun))
    # From then on it is known to be ours (`outside.py`).
    begun.acquire()


@atexit.register
def _end() -> None:
    """End both threads, when the reports are written."""
    global _fetching
    fetching, _fetching = _fetching, None
    if fetching is not None:
        _ferraio._stop_watchdog()
        if fetching.acquire(timeout=_LONGEST_GOODBYE):
            _wait_until_gone(_fetcher)


def _wait_until_gone(thread: int) -> None:
    """Wait for the last moments of a thread: a fork would count it."""
    for _ in range(100):
        if not os.path.exists(f"/proc/self/task/{thread}"):
            return
        time.sleep(0.0002)


@cache
def _reads_stacks() -> bool:
    """Whether this interpreter has its frames where Rust looks for them: so, they are the same as for Python code."""
    ours, theirs = [Frame.read(frame) for frame in _ferraio._stack()], frames_of_step(sys._getframe())
    # Of very deep stacks it reads the upper part; the innermost frame is at another call by now.
    return bool(ours) and ours[1:] == theirs[1 : len(ours)] and ours[0].place.function == theirs[0].place.function


def _after_fork_in_parent() -> None:
    # Not now: Python looks in a moment whether there are threads, and would warn of ours.
    if _settings is not None:
        for reference in list(_loops.values()):
            loop = reference()
            if loop is not None and loop.is_running():
                loop.call_soon_threadsafe(_begin)


def _after_fork_in_child() -> None:
    _loops.clear()
    _open.clear()
    _ferraio._forget_loops()


os.register_at_fork(before=_end, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def is_fetcher(native_id: int) -> bool:
    """Is it the thread of this module? It wakes no loop."""
    return _fetching is not None and native_id == _fetcher


def fetches_reports(frame: FrameType) -> bool:
    """Is it a frame of the thread of this module?"""
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code is _fetch_reports.__code__


def _fetch_reports(fetching: _thread.LockType, begun: _thread.LockType) -> None:
    global _fetcher
    _fetcher = threading.get_native_id()
    begun.release()
    try:
        while (report := _ferraio._next_report()) is not None:
            try:
                match report:
                    case thread, total:
                        _complete(thread, total)
                    case thread, cause, ready:
                        _tell_of_another(thread, cause, ready)
                    case thread, so_far, cause, ready, frames, told:
                        _tell(thread, so_far, cause, ready, frames, told)
            except Exception as error:
                reporter.give_up(error)
    finally:
        fetching.release()


def _tell(thread: int, so_far: float, cause: str, ready: int, frames: list[Any] | None, told: bool) -> None:
    """Report a block. With frames of the watchdog's it is over, or we would not have the interpreter."""
    if frames is None:
        call = BlockingCall(frames_of_step(sys._current_frames().get(thread)), cause)
        task, notes = _waiting(thread, ready)
    else:
        call = BlockingCall([Frame.read(frame) for frame in frames], cause, holds_interpreter=True)
        task, notes = None, ()
    if call.is_ours:
        return
    message = f"the event loop is blocked{call.by}: {cause} for {so_far:.2f} s so far"
    finding = _finding(message, call, task, notes)
    _open[thread] = finding, cause
    reporter.report(finding, written=told)


def _tell_of_another(thread: int, cause: str, ready: int) -> None:
    """Report that the step which was reported as blocked is blocked in another call now."""
    known = _open.get(thread)
    call = BlockingCall(frames_of_step(sys._current_frames().get(thread)), cause)
    if known is None or known[0].place == call.place or call.is_ours:
        return
    task, notes = _waiting(thread, ready)
    finding = _finding(f"the event loop is still blocked, now{call.by}: {cause}", call, task, notes)
    if known[0].place is not None:
        before = (known[0].place, "the same step was blocked here before")
        finding = replace(finding, related=(*finding.related, before))
    reporter.report(finding)


def _finding(message: str, call: BlockingCall, task: str | None, notes: tuple[str, ...]) -> Finding:
    notes = (*call.notes, *notes)
    return Finding("FER002", message, call.place, notes=notes, help=call.help, task=task, related=call.callers)


def _waiting(thread: int, ready: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the name of the task that blocks, and in a note how many others wait, if any."""
    reference = _loops.get(thread)
    loop = reference and reference()
    if loop is None:
        return None, ()
    task = asyncio.current_task(loop)
    name = task and task.get_name()
    others = len(asyncio.all_tasks(loop)) - (task is not None)
    if others == 0:
        return name, ()
    words = f"{others} other task{'s' * (others != 1)} of this loop cannot go on meanwhile"
    return name, (f"{words}; {ready} of them could" if ready > 0 else words,)


def _complete(thread: int, total: float) -> None:
    global _longest
    _longest = max(_longest, total)
    if thread in _open:
        finding, cause = _open.pop(thread)
        message = f"the step that blocked the event loop here, {cause}, took {total:.2f} s in all"
        reporter.complete(replace(finding, message=message))


def _summary() -> str:
    return f"{_longest:.2f} s blocked at the longest" if _longest else ""
