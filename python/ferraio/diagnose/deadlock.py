"""FER007: tasks wait for each other, or for what nobody is left to do.

A loop that would sleep for ever (no timer, no fd, nothing posted) asks here first. If nothing outside could wake it
either (`outside.py`), the deadlock is certain, whatever the tasks wait for, and is reported at once; in strict mode the
run then ends with `Deadlock`. Otherwise a deadlock is suspected, once nothing has changed for a while (the setting
`deadlock`), in two cases: tasks hold the locks that they wait for among themselves, whatever else the loop does; or
the loop sleeps, all tasks wait for objects of this process, and the only threads beside are those of native libraries.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from dataclasses import dataclass, field

from ferraio.diagnose import deadlock_report, holders, observer, outside, reporter
from ferraio.diagnose.await_graph import Wait, wait_of, waiting_tasks
from ferraio.diagnose.outside import Outside

#: How soon to look again when a thread was about to end its work, at first.
_SOON = 0.002


@dataclass(slots=True)
class _Watch:
    """What is known of one loop."""

    #: When to look for suspects again, as `time.monotonic()`.
    due: float = 0.0
    #: When to look again whether a thread has ended its work, and how long that was put off.
    soon: float = 0.0
    pause: float = _SOON
    #: The suspicious waits (the ids of task and future) that were there at the last look, and since when.
    seen: frozenset[tuple[int, int]] = frozenset()
    since: float = 0.0
    #: They were reported.
    told: bool = False
    #: Locks and semaphores that somebody had to wait for.
    contended: weakref.WeakSet = field(default_factory=weakref.WeakSet)


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = weakref.WeakKeyDictionary()
_patience = 5.0


def start(settings) -> None:
    """Look for deadlocks from now on."""
    global _patience
    _patience = settings.deadlock
    observer.observe(holders=settings.shown)
    observer.looks.append(_look)
    observer.contended.add(_contended)
    holders.start()


def stop() -> None:
    """Look for none any more."""
    holders.stop()
    observer.contended.remove(_contended)
    observer.looks.remove(_look)
    observer.ignore()
    _watches.clear()


def _contended(primitive) -> None:
    loop = asyncio.get_running_loop()
    _watches.setdefault(loop, _Watch()).contended.add(primitive)
    observer.look_within(loop, _patience / 4)


def _look(loop, for_ever: bool) -> float | None:
    around = outside.look() if for_ever else Outside.PYTHON
    if around is Outside.NOTHING:
        _certain(loop)
        return None
    watch, now = _watches.setdefault(loop, _Watch()), time.monotonic()
    if now >= watch.due:
        watch.due = now + _patience / 4
        _suspect(loop, watch, now, around)
    if for_ever:
        # Perhaps a thread that was about to end its work, or one of ours that was just started and has not got its name
        # yet: see soon, and less and less often.
        watch.pause = min(2 * watch.pause, _patience) if now >= watch.soon else _SOON
        watch.soon = now + watch.pause
        return min(watch.due, watch.soon)
    return watch.due if watch.contended else None


def _certain(loop) -> None:
    tasks = deadlock_report.in_order(asyncio.all_tasks(loop))
    if not tasks:
        return
    finding = deadlock_report.certain(tasks)
    reporter.report(finding)
    if reporter.settings.mode == "strict" and finding.code not in reporter.settings.ignore:
        raise observer.Deadlock(finding.message)


def _suspect(loop, watch: _Watch, now: float, around: Outside) -> None:
    suspects = _stuck(watch.contended)
    if not suspects and around is Outside.UNKNOWN_THREADS:
        suspects = _helpless(loop)
    seen = frozenset((id(wait.task), id(wait.future)) for wait in suspects)
    if seen != watch.seen:
        watch.seen, watch.since, watch.told = seen, now, False
    elif seen and not watch.told and now - watch.since >= _patience:
        watch.told = True
        reporter.report(deadlock_report.suspected(suspects, now - watch.since))


def _stuck(contended) -> list[Wait]:
    """Return the waits for locks that only those who wait themselves could end."""
    waits: dict[asyncio.Future, Wait | None] = {}
    todo: list[asyncio.Future] = []
    for primitive in list(contended):
        waiting = [task for waiter in primitive._waiters or () for task in waiting_tasks(waiter)]
        if not waiting:
            contended.discard(primitive)
        todo += waiting
    while todo:
        future = todo.pop()
        if future in waits:
            continue
        waits[future] = wait = wait_of(future) if isinstance(future, asyncio.Task) else None
        todo += wait.blockers or () if wait is not None else ()
    # Who can go on by himself can go on; then who waits for such a one; and so on. The others are stuck.
    free = {future for future, wait in waits.items() if wait is None or wait.future is None or wait.blockers is None}
    while found := {
        future
        for future, wait in waits.items()
        if future not in free and wait is not None and any(blocker in free for blocker in wait.blockers or ())
    }:
        free |= found
    return [wait for future, wait in waits.items() if wait is not None and future not in free]


def _helpless(loop) -> list[Wait]:
    """Return all waits, if each is for an object of asyncio or for another task: nothing that a library would end."""
    waits = [wait_of(task) for task in asyncio.all_tasks(loop)]
    known = all(wait.blockers is not None or wait.is_for_primitive for wait in waits)
    return waits if known else []
