"""What the Rust half tells while a program is diagnosed, and who listens.

Each event is called by Rust in the middle of something: a step, a poll, a finalizer. Detectors listen with
``observer.task_failed.add(function)``. An exception of theirs is reported as unraisable and disturbs nobody, except
`Deadlock`, which ends the run. Loops ask before they wait (`about_to_wait`) whether somebody wants to look at them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from ferraio import _ferraio


class Deadlock(RuntimeError):
    """Raised out of the run of a loop that nothing can wake, in strict mode."""


class Event:
    """Something that happens: calling it calls all who listen, and returns the last answer."""

    def __init__(self):
        self._listeners: tuple[Callable, ...] = ()

    def add(self, listener: Callable) -> None:
        """Call the listener from now on."""
        if listener not in self._listeners:
            self._listeners += (listener,)

    def remove(self, listener: Callable) -> None:
        """Call the listener no more."""
        self._listeners = tuple(each for each in self._listeners if each != listener)

    def __call__(self, *about):
        answer = None
        for listener in self._listeners:
            answer = listener(*about)
        return answer


wrong_thread = Event()
task_failed = Event()
exception_lost = Event()
task_destroyed = Event()
cancelled_often = Event()
cancelling = Event()
cancelled = Event()
gather_failed = Event()
gather_ended = Event()
gather_cancelled = Event()
taken = Event()
released = Event()
contended = Event()
#: Told by the Python half of the loop.
loop_closes = Event()

#: Called with a loop that is about to wait, and whether it could wait for ever; return when to look again, or None.
looks: list[Callable[[object, bool], float | None]] = []


def about_to_wait(loop, for_ever: bool) -> float | None:
    """Let those look who want to; return when the next one wants to, as `time.monotonic()`."""
    soonest = None
    for look in list(looks):
        try:
            when = look(loop, for_ever)
        except Deadlock:
            raise
        except Exception as error:
            sys.unraisablehook(_Unraisable(error, look))
            continue
        if when is not None:
            soonest = when if soonest is None else min(soonest, when)
    return soonest


def look_within(loop, seconds: float) -> None:
    """Have `about_to_wait` called for a loop of ours once this time has passed."""
    if isinstance(loop, _ferraio.EventLoop):
        loop._next_look = min(loop._next_look, time.monotonic() + seconds)


def observe(*, holders: bool) -> None:
    """Have loops tell what happens: the one that runs here at once, others from their next run on."""
    _ferraio._observe(True, holders)
    running = asyncio._get_running_loop()
    if isinstance(running, _ferraio.EventLoop):
        running._observed = True


def ignore() -> None:
    """Have loops tell nothing any more, from their next run on."""
    _ferraio._observe(False, False)
    running = asyncio._get_running_loop()
    if isinstance(running, _ferraio.EventLoop):
        running._observed = False


class _Unraisable:
    """The argument of `sys.unraisablehook`."""

    def __init__(self, error: Exception, where: object):
        self.exc_type = type(error)
        self.exc_value = error
        self.exc_traceback = error.__traceback__
        self.err_msg = None
        self.object = where
