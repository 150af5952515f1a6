"""FER010: a cancellation that was swallowed, that comes again and again, or whose scope was left in another task.

When a `CancelledError` is thrown into a task, we look at the task before and after that step. It was swallowed if the
task then has a result, or waits for something else without being in an `except` or `finally` that handles the error,
while nobody has taken the request to cancel back (`uncancel()`, as timeouts and task groups do).
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio import runners
from dataclasses import dataclass

from ferraio import _primitives
from ferraio.diagnose import observer
from ferraio.diagnose.await_graph import coroutines_of, frame_of, held_by, name_of, started_at, wait_of
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.library import ASYNCIO, caller
from ferraio.diagnose.reporter import report


@dataclass(frozen=True, slots=True)
class _Thrown:
    """A cancellation that is thrown into a task."""

    #: Where the task waited.
    place: Place | None
    #: How often it was asked to cancel.
    requests: int


# The file of asyncio's task groups.
_GROUPS = os.path.join(ASYNCIO, "taskgroups.py")

#: The scopes whose exit is looked at: the class, the attribute with the task that has entered it, and their names.
_SCOPES = (
    (_primitives.Timeout, "_task", "asyncio.timeout()"),
    (_primitives.TaskGroup, "_parent_task", "asyncio.TaskGroup()"),
)


def start(settings) -> None:
    """Look at cancellations from now on."""
    observer.cancelling.add(_cancelling)
    observer.cancelled.add(_cancelled)
    observer.cancelled_often.add(_cancelled_often)
    for scope, attribute, name in _SCOPES:
        scope.__aexit__ = _watched_exit(scope.__aexit__, attribute, name)


def stop() -> None:
    """Look at none any more."""
    for scope, _, _ in _SCOPES:
        del scope.__aexit__
    observer.cancelled_often.remove(_cancelled_often)
    observer.cancelled.remove(_cancelled)
    observer.cancelling.remove(_cancelling)


def _cancelling(task: asyncio.Task, error: BaseException) -> _Thrown | None:
    if not isinstance(error, asyncio.CancelledError) or _is_shutting_down():
        return None
    return _Thrown(wait_of(task).place, task.cancelling())


def _cancelled(task: asyncio.Task, thrown: _Thrown) -> None:
    if task.cancelling() < thrown.requests or task.cancelled() or getattr(task, "_must_cancel", False):
        return
    if task.done():
        if task._exception is None:
            _report_swallowed(task, thrown, "and returned a result as if nothing had happened")
    elif not any(map(_still_handles, coroutines_of(task))):
        _report_swallowed(task, thrown, "and runs on")


def _still_handles(coroutine) -> bool:
    """Is it in an `except` or `finally` that handles a cancellation, or the end of a group, which takes it back?"""
    frame = frame_of(coroutine)
    if frame is not None and frame.f_code.co_filename == _GROUPS:
        return True
    return any(isinstance(each, asyncio.CancelledError) for each in held_by(coroutine))


def _report_swallowed(task: asyncio.Task, thrown: _Thrown, end: str) -> None:
    times = "" if thrown.requests == 1 else f" (after {thrown.requests} requests)"
    report(
        Finding(
            "FER010",
            f"{name_of(task)} was cancelled here, swallowed the CancelledError{times}, {end}",
            thrown.place or started_at(task),
            notes=("whoever cancelled it, a time limit, a task group or the end of the program, counts on its end",),
            help="end the `except` with `raise`; catch `Exception`, which CancelledError is not, instead of everything",
            task=task.get_name(),
        )
    )


def _is_shutting_down() -> bool:
    """Does the run end now? Then a worker that returns when it is cancelled does no harm."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code is runners._cancel_all_tasks.__code__:
            return True
        frame = frame.f_back
    return False


def _cancelled_often(task: asyncio.Task) -> None:
    if _is_shutting_down():
        return
    waits = wait_of(task).place or started_at(task)
    report(
        Finding(
            "FER010",
            f"{name_of(task)} was cancelled {task.cancelling()} times and still runs",
            caller(sys._getframe()) or waits,
            notes=("cancelling again in each turn of the loop keeps a whole processor busy",),
            help="let the task end when it is cancelled: `raise` in its `except`; and leave each cancel scope in the "
            "task that has entered it",
            task=task.get_name(),
            related=() if waits is None else ((waits, "it waits here"),),
        )
    )


def _watched_exit(leave, attribute: str, name: str):
    def __aexit__(self, *error):
        entered = getattr(self, attribute, None)
        current = asyncio.current_task()
        if entered is not None and current is not None and current is not entered:
            _report_left_elsewhere(name, entered, current)
        return leave(self, *error)

    return __aexit__


def _report_left_elsewhere(name: str, entered: asyncio.Task, current: asyncio.Task) -> None:
    report(
        Finding(
            "FER010",
            f"the {name} that {name_of(entered)} has entered is left in {name_of(current)}",
            caller(sys._getframe()),
            notes=(
                "it cancels the task that has entered it, which is somewhere else by now, and not the one that is in "
                "its block; an async generator is often the reason: who ends it may be another task",
            ),
            help="enter and leave it in one function that does not yield in between",
            task=current.get_name(),
        )
    )
