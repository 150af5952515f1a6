"""asyncio's public names become ferraio's, and asyncio's again.

`install` rebinds, in `asyncio` and in each of its submodules, every name under which the original of the
standard library is found there: code that says ``asyncio.gather`` or ``tasks.Task`` gets ours from then on,
code that imported the name earlier keeps the old one, and both generations work in one loop. A name that
somebody else has patched is left alone, when installing and when uninstalling.

New loops come from the default policy. We set the class that it makes (an attribute of the policy class)
instead of choosing a policy, because policies are deprecated since Python 3.14; a policy that the program
chooses still wins.

asyncio's names are ours while either `install` asks for it or a `ferraio.run` is under way, in any thread.
The names are the process's, and so is the state below, guarded by one lock.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from types import FunctionType, ModuleType

from ferraio import _diagnosing, _ferraio, _primitives, _streams, _waiting
from ferraio._event_loop import EventLoop

_lock = threading.RLock()
# What install() began to diagnose.
_begun = None
# install() was called, and no uninstall() since.
_for_good = False
# How many calls of ferraio.run that install are under way.
_runs = 0
# The names of asyncio's modules when we last looked, and where the originals were found in them.
_known: tuple[tuple[str, ...], list[tuple[ModuleType | type, str, object, object]]] = ((), [])
# What was rebound: (the module or class, the name, the original, ours). Empty when asyncio is itself.
_rebound: list[tuple[ModuleType | type, str, object, object]] = []


_StandardLoop = asyncio.SelectorEventLoop


class _MakesOurLoop(type):
    """Decides what `SelectorEventLoop` makes while installed."""

    def __call__(cls, *args, **kwargs):
        if cls is not SelectorEventLoop:
            return super().__call__(*args, **kwargs)
        # Who brings a selector wants a loop that asks it.
        has_selector = any(selector is not None for selector in (*args, *kwargs.values()))
        return _StandardLoop(*args, **kwargs) if has_selector else EventLoop()

    def __instancecheck__(cls, instance):
        return isinstance(instance, _StandardLoop) if cls is SelectorEventLoop else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, _StandardLoop) if cls is SelectorEventLoop else super().__subclasscheck__(subclass)


class SelectorEventLoop(_StandardLoop, metaclass=_MakesOurLoop):
    """`asyncio.SelectorEventLoop` while installed: calling it makes ferraio's loop, which is one as well.

    With a selector it makes asyncio's own, and classes derived from it are asyncio's own.
    """


def install() -> None:
    """Make asyncio's names ferraio's, and give every new loop of asyncio ferraio's class.

    Can be called at any time and any number of times; `uninstall` takes it back. If the variable FERRAIO says so,
    mistakes are reported from now on (see `ferraio.run`); a bad value is a ValueError.
    """
    global _begun
    with _lock:
        if _begun is None and os.environ.get("FERRAIO"):
            _begun = _diagnosing.begin()
        install_names()


def install_names() -> None:
    """Do what `install` does, but for reporting mistakes."""
    global _for_good
    with _lock:
        _for_good = True
        _settle()


def uninstall() -> None:
    """Give asyncio its own names back. What `ferraio.run` installed stays until that run ends."""
    global _for_good, _begun
    with _lock:
        _for_good = False
        _settle()
        _diagnosing.end(_begun, complain=False)
        _begun = None


def installed() -> bool:
    """Return whether asyncio's names are ferraio's now."""
    return bool(_rebound)


def begin_run() -> None:
    """Install for as long as a run lasts; `end_run` must follow."""
    global _runs
    with _lock:
        _runs += 1
        _settle()


def end_run() -> None:
    """Take back what `begin_run` did, unless another run or `install` still wants it."""
    global _runs
    with _lock:
        _runs -= 1
        _settle()


def _settle() -> None:
    """Bring asyncio's names in line with what is wanted. The caller holds the lock."""
    wanted = _for_good or _runs > 0
    if wanted and not _rebound:
        _rebind_all()
    elif not wanted and _rebound:
        _restore_all()


def _rebind_all() -> None:
    for place, name, original, ours in _places():
        if vars(place).get(name) is original:
            setattr(place, name, ours)
            _rebound.append((place, name, original, ours))


def _places() -> list[tuple[ModuleType | type, str, object, object]]:
    """List where the originals are found. Looked for again only when asyncio has got more modules."""
    global _known
    names = tuple(name for name in sys.modules if name.startswith("asyncio"))
    if _known[0] != names:
        _known = names, _find_places()
    return _known[1]


def _find_places() -> list[tuple[ModuleType | type, str, object, object]]:
    loaded = list(sys.modules.items())
    modules = [module for name, module in loaded if f"{name}.".startswith("asyncio.") and module is not None]
    places: list[tuple[ModuleType | type, str, object, object]] = [
        (asyncio.unix_events._UnixDefaultEventLoopPolicy, "_loop_factory", asyncio.SelectorEventLoop, EventLoop)
    ]
    for home, name, ours in _replacements():
        original = vars(home)[name]
        if _is_standard(original, home):
            places += [(module, name, original, ours) for module in modules if vars(module).get(name) is original]
    return places


def _restore_all() -> None:
    while _rebound:
        place, name, original, ours = _rebound.pop()
        if vars(place).get(name) is ours:
            setattr(place, name, original)


def _replacements() -> list[tuple[ModuleType, str, object]]:
    """List what ferraio has for asyncio: the submodule that defines the name, the name, and ours."""
    offered: list[tuple[ModuleType, str, object]] = [
        (asyncio.futures, "Future", _ferraio.Future),
        (asyncio.tasks, "Task", _ferraio.Task),
        (asyncio.tasks, "gather", _ferraio.gather),
        (asyncio.tasks, "sleep", _ferraio.sleep),
        (asyncio.tasks, "wait", _waiting.wait),
        (asyncio.taskgroups, "TaskGroup", _primitives.TaskGroup),
        (asyncio.locks, "Lock", _primitives.Lock),
        (asyncio.locks, "Event", _primitives.Event),
        (asyncio.locks, "Condition", _primitives.Condition),
        (asyncio.locks, "Semaphore", _primitives.Semaphore),
        (asyncio.locks, "BoundedSemaphore", _primitives.BoundedSemaphore),
        (asyncio.queues, "Queue", _primitives.Queue),
        (asyncio.queues, "PriorityQueue", _primitives.PriorityQueue),
        (asyncio.queues, "LifoQueue", _primitives.LifoQueue),
        (asyncio.streams, "StreamReader", _streams.StreamReader),
        (asyncio.streams, "StreamReaderProtocol", _streams.StreamReaderProtocol),
        (asyncio.streams, "StreamWriter", _streams.StreamWriter),
        (asyncio.timeouts, "Timeout", _primitives.Timeout),
        (asyncio.timeouts, "timeout", _primitives.timeout),
        (asyncio.timeouts, "timeout_at", _primitives.timeout_at),
        (asyncio.unix_events, "SelectorEventLoop", SelectorEventLoop),
    ]
    if sys.version_info >= (3, 12):
        eager_task_factory = asyncio.create_eager_task_factory(_ferraio.Task)
        offered.append((asyncio.tasks, "eager_task_factory", eager_task_factory))
    if sys.version_info >= (3, 13):
        offered.append((asyncio.unix_events, "EventLoop", EventLoop))
    return offered


def _is_standard(value: object, home: ModuleType) -> bool:
    """Tell the standard library's own object from a patch put in its place, however well disguised."""
    if isinstance(value, type):
        return value.__module__ in (home.__name__, "_asyncio")
    return type(value) is FunctionType and value.__globals__ is vars(home)


# Looked up while nothing is installed and nobody waits.
_places()
