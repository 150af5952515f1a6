"""FER006: a task failed and nobody looked, or was collected while it waited.

A task that fails is looked at again a little later, whether somebody refers to it or not: if nobody has asked for its
result or exception by then, it is reported. One that dies before is reported then, if asyncio would log it.
"""

from __future__ import annotations

import asyncio
import sys
import time
import weakref
from collections import deque

from ferraio.diagnose import observer
from ferraio.diagnose.await_graph import Wait, defined_at, name_of, started_at, wait_of
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.library import is_library
from ferraio.diagnose.reporter import report
from ferraio.diagnose.wording import describe

#: After how many seconds somebody should have looked.
_PATIENCE = 0.5

#: Tasks that have failed, each with the time at which somebody should have looked.
_failed: deque[tuple[float, weakref.ref[asyncio.Task]]] = deque()
#: An attribute of tasks that were reported. No weak references: the garbage collector clears those before a task in a
#: cycle says that its exception is lost.
_REPORTED = "_ferraio_reported"


def start(settings) -> None:
    """Look for lost tasks from now on."""
    observer.task_failed.add(_task_failed)
    observer.exception_lost.add(_exception_lost)
    observer.task_destroyed.add(_task_destroyed)
    observer.looks.append(_look)
    observer.loop_closes.add(_loop_closes)


def stop() -> None:
    """Look for none any more, after a last look at those that have failed."""
    observer.loop_closes.remove(_loop_closes)
    observer.looks.remove(_look)
    observer.task_destroyed.remove(_task_destroyed)
    observer.exception_lost.remove(_exception_lost)
    observer.task_failed.remove(_task_failed)
    _report_until(float("inf"))


def _task_failed(task: asyncio.Task) -> None:
    _failed.append((time.monotonic() + _PATIENCE, weakref.ref(task)))
    observer.look_within(task.get_loop(), _PATIENCE)


def _exception_lost(future: asyncio.Future) -> None:
    if isinstance(future, asyncio.Task):
        _report_failed(future)


def _look(loop, for_ever: bool) -> float | None:
    _report_until(time.monotonic())
    return _failed[0][0] if _failed else None


def _loop_closes(loop) -> None:
    # Nobody waits for the tasks of another loop, so those that are early do no harm.
    _report_until(float("inf"))


def _report_until(now: float) -> None:
    while _failed and _failed[0][0] <= now:
        task = _failed.popleft()[1]()
        if task is not None and task._log_traceback:
            _report_failed(task)


def _report_failed(task: asyncio.Task) -> None:
    if hasattr(task, _REPORTED):
        return
    setattr(task, _REPORTED, True)
    error = task._exception
    raised, started = _raised_at(error), started_at(task)
    related = [] if started is None or raised is None else [(raised, f"{type(error).__name__} was raised here")]
    report(
        Finding(
            "FER006",
            f"{name_of(task)} failed with {describe(error)}, and nobody has looked at it",
            started or raised,
            notes=("an exception of a task is seen by whoever awaits the task or asks for its result; nobody did",),
            help="keep the task and await it, or start it in an `async with asyncio.TaskGroup()`",
            task=task.get_name(),
            related=tuple(related),
        )
    )


def _task_destroyed(task: asyncio.Task) -> None:
    if sys.is_finalizing():
        return
    wait, started = wait_of(task), started_at(task)
    defined = defined_at(task)
    related = () if defined is None or started is None else ((defined, "it runs this"),)
    if task.get_loop().is_running():
        happened = "was collected by the garbage collector while it waited"
        notes = ("the loop keeps only weak references to tasks: somebody else must keep the task", *_lost_future(wait))
        advice = "keep the task until it is done: in a variable, in a set, or in an `async with asyncio.TaskGroup()`"
    else:
        happened = "was left unfinished when its loop ended"
        notes = ()
        advice = "await the task, or cancel it and await it, before the loop ends; asyncio.run() does that"
    message = f"{name_of(task)} {happened}"
    place = started or wait.place or defined
    report(Finding("FER006", message, place, notes=notes, help=advice, task=task.get_name(), related=related))


def _lost_future(wait: Wait) -> tuple[str, ...]:
    if wait.future is None or wait.owner is not None or wait.others is not None:
        return ()
    return ("it waited for a future that nobody else kept, so that nobody could ever have resolved it",)


def _raised_at(error: BaseException) -> Place | None:
    """Return the innermost place of the program itself in the traceback."""
    place, traceback = None, error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_library(code.co_filename):
            place = Place.of_code(code, traceback.tb_lasti, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
