"""Could anything outside of a loop wake it, when it has nothing to do itself?

While a loop waits, only another thread or a signal handler can run Python code. Threads of executors that have no work
cannot; any other Python thread, and each handler of a program, might. Threads that Python does not know (of native
libraries) are found by counting those of the process, which Linux lets us do.
"""

from __future__ import annotations

import _signal
import enum
import os
import signal
import sys
import threading
from asyncio import runners
from concurrent.futures import thread as executor_threads
from pathlib import Path

from ferraio.diagnose import blocked_loop

#: How the names of native threads begin that are ours and call no Python code.
OWN_THREADS = "ferraio"

_SIGNALS = tuple(int(number) for number in signal.valid_signals())
_HANDLERS = (int(signal.SIG_DFL), int(signal.SIG_IGN), signal.default_int_handler)
#: The signals of a crash. `faulthandler` (in development mode, under pytest) has handlers in C for them.
_CRASHES = (signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)


class Outside(enum.Enum):
    """What there is outside of a loop."""

    NOTHING = "nothing that could wake it"
    UNKNOWN_THREADS = "threads that Python does not know, or that cannot be counted here"
    PYTHON = "Python code that may wake it"


def look() -> Outside:
    """Say what there is outside of the loop of this thread."""
    if _handles_signals() or not _other_threads_are_idle():
        return Outside.PYTHON
    return Outside.UNKNOWN_THREADS if _has_unknown_threads() else Outside.NOTHING


def _handles_signals() -> bool:
    return any(not _is_usual(number, _signal.getsignal(number)) for number in _SIGNALS)


def _is_usual(number: int, handler) -> bool:
    if handler is None:  # it was not installed by Python code
        return number in _CRASHES
    # What asyncio.run does at Ctrl-C is not what a program waits for.
    function = getattr(getattr(handler, "func", None), "__func__", None)
    return handler in _HANDLERS or function is runners.Runner._on_sigint


def _other_threads_are_idle() -> bool:
    ours = threading.get_ident()
    others = (frame for ident, frame in sys._current_frames().items() if ident != ours)
    return all(_is_idle_worker(frame) or blocked_loop.fetches_reports(frame) for frame in others)


def _is_idle_worker(frame) -> bool:
    """Is it a thread of a ThreadPoolExecutor whose threads all wait for work?"""
    if frame.f_code is not executor_threads._worker.__code__:
        return False
    local = frame.f_locals
    executor = local["executor_reference"]()
    if executor is None:
        return False
    # One that was just given work, or has just done some, is not counted as idle.
    return local["work_queue"].empty() and executor._idle_semaphore._value >= len(executor._threads)


def _has_unknown_threads() -> bool:
    try:
        running = {int(number) for number in os.listdir("/proc/self/task")}
    except OSError:
        return True
    # After a fork our own number is not yet what `native_id` says.
    known = {threading.get_native_id(), *(thread.native_id for thread in threading.enumerate())}
    return any(not _is_ours(number) for number in running - known)


def _is_ours(number: int) -> bool:
    if blocked_loop.is_fetcher(number):
        return True
    try:
        return Path(f"/proc/self/task/{number}/comm").read_text().startswith(OWN_THREADS)
    except OSError:
        return True  # it has ended meanwhile
