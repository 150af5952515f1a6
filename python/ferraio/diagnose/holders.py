"""Who holds which lock or semaphore, since which line.

Locks and semaphores made while this is on tell when somebody gets them and gives them back. The list of holders is an
attribute of the lock; it keeps no task alive.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from types import CodeType
from typing import NamedTuple

from ferraio.diagnose import observer
from ferraio.diagnose.finding import Place
from ferraio.diagnose.library import own_frame


class Holder(NamedTuple):
    """One who has got a lock."""

    #: The task, which may have ended without giving the lock back; None if it was no task.
    reference: weakref.ref | None
    #: The name of the task.
    name: str
    #: Where the lock was taken: the code and the instruction, as long as nobody asks.
    code: CodeType
    instruction: int

    @property
    def task(self) -> asyncio.Task | None:
        """The task; None if it is gone, or if it was no task."""
        return None if self.reference is None else self.reference()

    @property
    def place(self) -> Place:
        """Where the lock was taken."""
        return Place.of_code(self.code, self.instruction)


def of(primitive) -> list[Holder]:
    """Return who holds a lock or semaphore, as far as that was noted."""
    return getattr(primitive, "_holders", None) or []


def start() -> None:
    """Note holders from now on, for new locks."""
    observer.taken.add(_taken)
    observer.released.add(_released)


def stop() -> None:
    """Note nothing any more."""
    observer.taken.remove(_taken)
    observer.released.remove(_released)


# Both are called each time that a lock is taken and given back, so every line counts.


def _taken(primitive) -> None:
    # Behind this one and that of the event.
    innermost = sys._getframe(2)
    frame = own_frame(innermost) or innermost
    task = asyncio.current_task()
    reference, name = (None, "") if task is None else (weakref.ref(task), task.get_name())
    holder = Holder(reference, name, frame.f_code, frame.f_lasti)
    if primitive._holders is None:
        primitive._holders = [holder]
    else:
        primitive._holders.append(holder)


def _released(primitive) -> None:
    noted = primitive._holders
    if not noted:
        return
    if len(noted) == 1:
        del noted[0]
        return
    # A lock can be released by a callback, where no loop runs, and by another task than the one that took it.
    task = None if asyncio._get_running_loop() is None else asyncio.current_task()
    del noted[next((index for index, holder in enumerate(noted) if holder.task is task), 0)]
