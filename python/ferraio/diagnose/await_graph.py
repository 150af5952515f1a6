"""What tasks wait for: the chain of awaits in each, what is at its end, and who could end that wait.

All is found when somebody asks, from the frames of the coroutines; nothing is noted while the program runs, except who
holds which lock (`holders.py`).
"""

from __future__ import annotations

import asyncio
import gc
from asyncio import locks, tasks
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from ferraio import _primitives, _waiting
from ferraio.diagnose import holders
from ferraio.diagnose.finding import Place
from ferraio.diagnose.library import is_installed, is_library, standard

#: What tasks of one program wait for each other with.
LOCK, SEMAPHORE = standard(_primitives.Lock), standard(_primitives.Semaphore)
EVENT, CONDITION, BARRIER = standard(_primitives.Event), standard(_primitives.Condition), locks.Barrier
QUEUE, TASK_GROUP = standard(_primitives.Queue), standard(_primitives.TaskGroup)
PRIMITIVES = (LOCK, SEMAPHORE, EVENT, CONDITION, BARRIER, QUEUE)
#: Coroutines whose awaits hide in objects of C.
_HIDDEN = (CoroutineType, AsyncGeneratorType, GeneratorType)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a task waits for."""

    task: asyncio.Task
    #: Where the program awaits: from the coroutine of the task to the innermost one that is not asyncio's.
    chain: tuple[Place, ...]
    #: The future it waits for; None if it is about to run.
    future: asyncio.Future | None
    #: What the future belongs to: a lock, a queue, a task group, …
    owner: object = None
    #: The name of the method of the owner that waits, such as `get`.
    method: str = ""
    #: The futures of which one must be done first; None if anybody might end the wait.
    others: tuple[asyncio.Future, ...] | None = None

    @property
    def place(self) -> Place | None:
        """Where the program waits: in its own code, if it has a part in this at all."""
        own = (place for place in reversed(self.chain) if not is_installed(place.filename))
        return next(own, self.chain[-1] if self.chain else None)

    @property
    def is_for_primitive(self) -> bool:
        """Does it wait for an object with which tasks of one program wait for each other?"""
        return isinstance(self.owner, PRIMITIVES)

    @property
    def is_for_lock(self) -> bool:
        """Does it wait to get a lock or a place in a semaphore?"""
        return isinstance(self.owner, (LOCK, SEMAPHORE)) and self.method in ("acquire", "__aenter__")

    @property
    def blockers(self) -> tuple[asyncio.Future, ...] | None:
        """Who would have to go on first, one of them at least; None if anybody might end the wait."""
        if not self.is_for_lock:
            return self.others
        noted = holders.of(self.owner)
        if not noted or any(holder.reference is None for holder in noted):
            return None
        return _pending(holder.task for holder in noted if holder.task is not None)


def wait_of(task: asyncio.Task) -> Wait:
    """Say what a task waits for."""
    future = getattr(task, "_fut_waiter", None)
    chain: list[Place] = []
    owner, method, others = None, "", _others_of(future)
    for awaitable in _awaits(task.get_coro()):
        found = getattr(awaitable, "_owner", None)
        if found is not None:
            if owner is None:
                owner, method = found, awaitable.__name__
            continue
        frame = frame_of(awaitable)
        if frame is None:
            continue
        if not is_library(frame.f_code.co_filename):
            chain.append(Place.of_frame(frame))
            owner = None
        elif owner is None:
            owner, method = _owner_in(frame)
            if isinstance(owner, TASK_GROUP):
                others = tuple(owner._tasks)
            elif frame.f_code in _WAITS:
                others = _pending(frame.f_locals[_WAITS[frame.f_code]])
    if isinstance(owner, CONDITION) and method in ("acquire", "__aenter__"):
        owner = owner._lock
    return Wait(task, tuple(chain), future, owner, method, others)


def frame_of(awaitable):
    """Return the frame of a coroutine or generator that is not done."""
    for name in ("cr_frame", "ag_frame", "gi_frame"):
        frame = getattr(awaitable, name, None)
        if frame is not None:
            return frame
    return None


def held_by(coroutine) -> list:
    """Return what a coroutine that waits holds: its variables, what it handles, the context managers it is in."""
    return [getattr(each, "__self__", each) for each in gc.get_referents(coroutine)]


def waiting_tasks(future: asyncio.Future) -> list[asyncio.Task]:
    """Return the tasks that wait for a future, also by way of one that asyncio has put in between."""
    found = []
    for callback, _ in getattr(future, "_callbacks", None) or ():
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            found.append(task)
        elif asyncio.isfuture(task):
            found += waiting_tasks(task)
        for between in getattr(callback, "args", ()):
            if asyncio.isfuture(between):
                found += waiting_tasks(between)
    return found


def coroutines_of(task: asyncio.Task):
    """Yield the coroutines in which a task waits, from the outside to the inside."""
    return _awaits(task.get_coro())


def started_at(task: asyncio.Task) -> Place | None:
    """Return where a task was started, if that was noted: in debug mode, or as where its coroutine was made."""
    for entry in reversed(getattr(task, "_source_traceback", None) or ()):
        if not is_library(entry.filename):
            return Place(entry.filename, entry.lineno, entry.name)
    for filename, line, function in getattr(task.get_coro(), "cr_origin", None) or ():
        if not is_library(filename):
            return Place(filename, line, function)
    site = getattr(task.get_coro(), "_call_site", None)
    return None if site is None or is_library(site[0].co_filename) else Place.of_code(*site)


def defined_at(task: asyncio.Task) -> Place | None:
    """Return where the coroutine function of a task is defined."""
    code = getattr(task.get_coro(), "cr_code", None)
    return None if code is None else Place.of_code(code, -1)


def name_of(task: asyncio.Future) -> str:
    """Name a task for people: its own name, and what it runs."""
    if not isinstance(task, asyncio.Task):
        return "a future"
    function = getattr(task.get_coro(), "__qualname__", None)
    return f"task {task.get_name()!r}" + (f" ({function.replace('<locals>.', '')})" if function else "")


#: Functions of asyncio that wait for the first of some futures, and the local variable that has those.
_WAITS = {tasks._wait.__code__: "fs", _waiting._wait.__code__: "futures"}
#: The longest chain that is followed; coroutines may be nested as deep as the stack allows.
_LONGEST_CHAIN = 1000


def _awaits(coroutine):
    """Yield a coroutine, what it awaits, what that awaits, …; not the future at the end."""
    for _ in range(_LONGEST_CHAIN):
        if coroutine is None or asyncio.isfuture(coroutine):
            return
        yield coroutine
        coroutine = _awaited_by(coroutine)


def _awaited_by(awaitable):
    for name in ("cr_await", "ag_await", "gi_yieldfrom"):
        if hasattr(awaitable, name):
            return getattr(awaitable, name)
    # `async for`, `asend()` and `__await__()` of coroutines: objects of C that lead on to one of these.
    return next((inner for inner in gc.get_referents(awaitable) if isinstance(inner, _HIDDEN)), None)


def _owner_in(frame):
    """Return the primitive in one of whose methods a frame of asyncio is, and the name of the method."""
    names = frame.f_code.co_varnames
    if not names or names[0] != "self":
        return None, ""
    owner = frame.f_locals.get("self")
    if isinstance(owner, (*PRIMITIVES, TASK_GROUP)):
        return owner, frame.f_code.co_name
    return None, ""


def _others_of(future) -> tuple[asyncio.Future, ...] | None:
    if isinstance(future, asyncio.Task):
        return (future,)
    children = getattr(future, "_children", None)
    if children is not None:
        return _pending(children)
    for callback, _ in getattr(future, "_callbacks", None) or ():
        # The outer future of shield(): the inner one is in the closure of its callback.
        if getattr(callback, "__qualname__", "") == "shield.<locals>._outer_done_callback":
            inner = dict(zip(callback.__code__.co_freevars, callback.__closure__, strict=True)).get("inner")
            return None if inner is None else _pending([inner.cell_contents])
    return None


def _pending(futures) -> tuple[asyncio.Future, ...]:
    return tuple(future for future in futures if not future.done())
