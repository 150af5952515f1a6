"""FER008: what `gather()` keeps to itself.

It raises the first error of a child and forgets the others: siblings run on, and what they return or raise is seen by
nobody. When a time limit cancels it, results that were there already are lost. Both are reported when the last child
is done, with what became of each. A gather whose siblings were all cancelled in time is none of this.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from asyncio import tasks

from ferraio import _primitives
from ferraio.diagnose import observer
from ferraio.diagnose.await_graph import coroutines_of, frame_of, held_by, name_of, wait_of, waiting_tasks
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.library import standard
from ferraio.diagnose.reporter import report
from ferraio.diagnose.wording import count, describe

_TIMEOUT = standard(_primitives.Timeout)
#: How many children are named.
_SHOWN = 10

#: Gathers that have failed: where they are awaited, when that was, and which children were not done.
_failed: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def start(settings) -> None:
    """Look at gathers from now on."""
    observer.gather_failed.add(_gather_failed)
    observer.gather_ended.add(_gather_ended)
    observer.gather_cancelled.add(_gather_cancelled)


def stop() -> None:
    """Look at none any more."""
    observer.gather_cancelled.remove(_gather_cancelled)
    observer.gather_ended.remove(_gather_ended)
    observer.gather_failed.remove(_gather_failed)
    _failed.clear()


def _gather_failed(gather: asyncio.Future) -> None:
    running = [index for index, child in enumerate(gather._children) if not child.done()]
    _failed[gather] = (_awaited_at(gather), time.monotonic(), running)


def _gather_ended(gather: asyncio.Future) -> None:
    noted = _failed.pop(gather, None)
    if noted is None:
        return
    place, when, running = noted
    children = gather._children
    unseen = [index for index in running if not children[index].cancelled()]
    if not unseen:
        return
    hidden = [index for index in unseen if children[index].exception() is not None]
    ran_on = f"{count(len(unseen), 'sibling', 'siblings')} ran on for {time.monotonic() - when:.1f} seconds"
    message = f"gather() raised {describe(gather._exception)} and forgot the others: {ran_on}"
    if hidden:
        message += f", of which {len(hidden)} failed unseen"
    report(
        Finding(
            "FER008",
            message,
            place,
            notes=_outcomes(children, lost=unseen),
            help="asyncio.TaskGroup() cancels the siblings and raises all errors; "
            "gather(…, return_exceptions=True) waits for all and returns them",
        )
    )


def _gather_cancelled(gather: asyncio.Future) -> None:
    children = gather._children
    lost = [index for index, child in enumerate(children) if child.done() and not child.cancelled()]
    task = next(iter(waiting_tasks(gather)), None)
    if not lost or task is None or not _has_time_limit(task):
        return
    report(
        Finding(
            "FER008",
            f"a time limit cancelled gather(): of {count(len(children), 'child', 'children')} {len(lost)} had ended, "
            "and what they returned or raised is lost",
            wait_of(task).place,
            notes=_outcomes(children, lost),
            help="asyncio.wait(tasks, timeout=…) tells which are done and which are not, and cancels none; "
            "or give each child a time limit of its own",
            task=task.get_name(),
        )
    )


def _has_time_limit(task: asyncio.Task) -> bool:
    """Is the task in `wait_for()`, or in an `asyncio.timeout()` whose time is over?"""
    for coroutine in coroutines_of(task):
        frame = frame_of(coroutine)
        if frame is not None and frame.f_code is tasks.wait_for.__code__:
            return True
        limits = (each for each in held_by(coroutine) if isinstance(each, _TIMEOUT))
        if any(limit.expired() for limit in limits):
            return True
    return False


def _awaited_at(gather: asyncio.Future) -> Place | None:
    task = next(iter(waiting_tasks(gather)), None)
    return None if task is None else wait_of(task).place


def _outcomes(children, lost: list[int]) -> tuple[str, ...]:
    """Say what became of each child."""
    lines = [
        f"child {index}, {name_of(child)}, {_outcome(child)}{', which nobody sees' if index in lost else ''}"
        for index, child in enumerate(children[:_SHOWN])
    ]
    if len(children) > _SHOWN:
        lines.append(f"and {len(children) - _SHOWN} more")
    return tuple(lines)


def _outcome(child: asyncio.Future) -> str:
    if not child.done():
        return "is being cancelled"
    if child.cancelled():
        return "was cancelled"
    error = child.exception()
    return "returned a result" if error is None else f"raised {describe(error)}"
