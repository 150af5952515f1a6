"""How a deadlock reads: who waits where for what, who holds it since when, and the circle if there is one."""

from __future__ import annotations

import asyncio

from ferraio.diagnose import await_graph, holders
from ferraio.diagnose.await_graph import Wait, name_of, started_at, wait_of
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.library import is_installed
from ferraio.diagnose.wording import count

#: How many tasks are shown, unless the circle is longer; of a circle, how many.
_SHOWN = 8
_SHOWN_OF_CIRCLE = 16
#: From how many tasks a circle is looked for.
_TRIED = 100


def in_order(tasks) -> list[asyncio.Task]:
    """Return tasks in the order of their names: the oldest first, if they have the usual ones."""
    return sorted(tasks, key=lambda task: (len(task.get_name()), task.get_name()))


class _Waits(dict[asyncio.Task, Wait]):
    """What tasks wait for, found when it is asked for: of a thousand tasks only those that are told."""

    def __missing__(self, task: asyncio.Task) -> Wait:
        self[task] = found = wait_of(task)
        return found


def certain(tasks: list[asyncio.Task]) -> Finding:
    """Describe a deadlock of all tasks of a loop."""
    why = "nothing can wake the loop any more: no timer, no socket, no other thread"
    return _finding(tasks, _Waits(), "deadlock", why)


def suspected(waits: list[Wait], seconds: float) -> Finding:
    """Describe tasks that have not moved for so long."""
    known = _Waits({wait.task: wait for wait in waits})
    why = f"nothing about this has changed for {seconds:.1f} seconds"
    return _finding(list(known), known, "suspected deadlock", why)


def _finding(tasks: list[asyncio.Task], waits: _Waits, title: str, why: str) -> Finding:
    line, is_circle = _line(tasks, waits)
    told = line[:_SHOWN_OF_CIRCLE]
    in_line = {id(wait.task) for wait in line}
    others = [task for task in tasks if id(task) not in in_line]
    shown = told + [waits[task] for task in others[: max(_SHOWN - len(told), 0)]]
    names = _names(shown)
    message = ", which ".join(f"waits for {_what(wait, names)}" for wait in told)
    message = f"{title}: {name_of(told[0].task)} {message}"
    if len(told) < len(line):
        message += f", and so on through {len(line)} tasks"
    if others:
        message += f"; {count(len(others), 'other task waits', 'other tasks wait')} too"
    notes = [why, *(path for wait in shown if (path := _path(wait)))]
    if len(shown) < len(tasks):
        notes.append(f"{count(len(tasks) - len(shown), 'more task is', 'more tasks are')} not shown")
    last = told[0] if is_circle else told[-1]
    return Finding(
        "FER007",
        message,
        _place(last) or next(filter(None, map(_place, shown)), None),
        notes=tuple(notes),
        help=_help(last, is_circle),
        task=last.task.get_name(),
        related=tuple(_related(shown, names)),
    )


def _line(tasks: list[asyncio.Task], waits: _Waits) -> tuple[list[Wait], bool]:
    """Return waits of which each is for the task of the next, and whether the last is for the first again."""
    straight: list[Wait] = []
    for start in tasks[:_TRIED]:
        line: list[Wait] = []
        # Where in the line each task is.
        index_of: dict[asyncio.Task, int] = {}
        task: asyncio.Task | None = start
        while task is not None and task not in index_of:
            index_of[task] = len(line)
            line.append(waits[task])
            task = next((each for each in waits[task].blockers or () if isinstance(each, asyncio.Task)), None)
        if task is not None:
            circle = line[index_of[task] :]
            # A lock says more than a task that is awaited.
            first = next((index for index, each in enumerate(circle) if each.is_for_lock), 0)
            return circle[first:] + circle[:first], True
        if not straight or (_is_inside_a_package(straight[-1]) and line[-1].is_for_primitive):
            straight = line
    return straight, False


def _is_inside_a_package(wait: Wait) -> bool:
    """Is it a package that waits, for what only it knows?"""
    return not wait.is_for_primitive and bool(wait.chain) and is_installed(wait.chain[-1].filename)


def _place(wait: Wait) -> Place | None:
    return wait.place or started_at(wait.task)


def _names(waits: list[Wait]) -> dict[int, str]:
    """Name what is waited for, by its id: `the Lock`, or `Lock A` and `Lock B` when there are several."""
    kinds: dict[str, list[int]] = {}
    for wait in waits:
        if wait.owner is not None:
            ids = kinds.setdefault(type(wait.owner).__name__, [])
            if id(wait.owner) not in ids:
                ids.append(id(wait.owner))
    return {
        each: f"{kind} {chr(ord('A') + index)}" if len(ids) > 1 else f"the {kind}"
        for kind, ids in kinds.items()
        for index, each in enumerate(ids)
    }


def _what(wait: Wait, names: dict[int, str]) -> str:
    """Say what a task waits for, and who has it."""
    owner, name = wait.owner, names.get(id(wait.owner), "")
    if wait.is_for_lock:
        return f"{name}, {_held(wait)}"
    match owner:
        case await_graph.QUEUE() if wait.method == "put":
            return f"room in {name}, which is full ({owner.qsize()} of {owner.maxsize})"
        case await_graph.QUEUE() if wait.method == "join":
            return f"all items of {name} to be done, of which {owner._unfinished_tasks} are not"
        case await_graph.QUEUE():
            return f"an item of {name}, which is empty"
        case await_graph.EVENT():
            return f"{name}, which nobody sets"
        case await_graph.CONDITION():
            return f"a notification of {name}"
        case await_graph.BARRIER():
            return f"others at {name}, where {owner.n_waiting} of {owner.parties} are"
        case await_graph.TASK_GROUP():
            return f"{count(len(wait.others or ()), 'task', 'tasks')} of its TaskGroup"
    if isinstance(wait.future, asyncio.Task):
        return f"the end of {name_of(wait.future)}"
    if wait.others is not None:
        return name_of(wait.others[0]) + (f" and {len(wait.others) - 1} more" if len(wait.others) > 1 else "")
    return "a future that nobody resolves"


def _held(wait: Wait) -> str:
    noted = holders.of(wait.owner)
    if not noted:
        return "which somebody holds"
    if any(holder.task is wait.task for holder in noted):
        return "which it holds itself"
    first = noted[0]
    if first.task is None or first.task.done():
        return f"which task {first.name!r} took, that has ended without giving it back"
    return f"held by {name_of(first.task)}"


def _related(waits: list[Wait], names: dict[int, str]):
    told: set[tuple[Place, str]] = set()
    for wait in waits:
        place = _place(wait)
        places = [] if place is None else [(place, f"{name_of(wait.task)} waits for {_what(wait, names)}")]
        if wait.is_for_lock:
            places += [
                (holder.place, f"task {holder.name!r} took {names[id(wait.owner)]} here")
                for holder in holders.of(wait.owner)[:_SHOWN]
            ]
        for each in places:
            if each not in told:
                told.add(each)
                yield each


def _path(wait: Wait) -> str:
    """Say through which awaits a task has come to where it waits."""
    if len(wait.chain) < 2:
        return ""
    return f"{name_of(wait.task)} is there by way of {' → '.join(map(str, wait.chain[:-1]))}"


def _help(wait: Wait, is_circle: bool) -> str | None:
    """Say what to write instead."""
    owner = wait.owner
    if wait.is_for_lock:
        noted = holders.of(owner)
        if any(holder.task is wait.task for holder in noted):
            return f"asyncio's {type(owner).__name__} cannot be taken twice by one task; do the inner work without it"
        if any(holder.task is None or holder.task.done() for holder in noted):
            return "write `async with lock:`, which gives the lock back however the block is left"
        return "take the locks in the same order everywhere" if is_circle else "let whoever has it give it back"
    if is_circle:
        return "let one of them go on without waiting for the other"
    match owner:
        case await_graph.QUEUE() if wait.method == "put":
            return "start who takes items out, or let the queue grow: asyncio.Queue()"
        case await_graph.QUEUE() if wait.method == "join":
            return "call queue.task_done() for each item that was taken out, in a `finally:`"
        case await_graph.QUEUE():
            return "let whoever puts items put one more that says that it was the last, or call queue.shutdown()"
        case await_graph.EVENT():
            return "call event.set() on every way, also when there was an error"
        case await_graph.CONDITION():
            return "call condition.notify_all() after each change"
        case await_graph.BARRIER():
            return "let as many tasks come as the barrier wants, or call `await barrier.abort()`"
    return "keep the future where somebody calls future.set_result(…) on every way, also when there was an error"
