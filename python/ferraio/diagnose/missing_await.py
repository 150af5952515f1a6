"""FER009: an error because a coroutine was used as if it were its result, or because of another slip with `await`."""

from __future__ import annotations

import ast
import dis
import inspect
import re
import types
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from ferraio import _ferraio
from ferraio.diagnose import never_awaited
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.forms import underlined, what_to_write
from ferraio.diagnose.source import Call, call_at, calls_in, find_call, is_of_a_loop, text_at

_COROUTINES = (types.CoroutineType, _ferraio.AsyncCall, _ferraio.Sleep, _ferraio.SocketOperation)
#: How deep in lists and dicts a coroutine is looked for.
_DEPTH = 3
#: How many members of each are looked at.
_MEMBERS = 1000

_USED_AS_RESULT = re.compile(r".*\b(coroutine|AsyncCall|Sleep|SocketOperation)\b", re.DOTALL)
_NOT_AWAITABLE = re.compile(
    r"(object (?P<old>\S+) can't be used in 'await' expression|'(?P<new>\S+)' object can't be awaited)"
)
_FUNCTION_GIVEN = re.compile(r"a coroutine was expected, got <(function|bound method)|A coroutine object is required")
_LIST_GIVEN = re.compile(
    r".*unhashable type: '(list|dict|set)'|An asyncio\.Future, a coroutine or an awaitable is required"
)
_COROUTINES_GIVEN = re.compile(r"Passing coroutines is forbidden, use tasks explicitly")
_ASYNC_GENERATOR_ITERATED = re.compile(r".*\basync_generator\b.* (is )?not iterable|.*non-iterable async_generator")
_NOT_ASYNC_WITH = re.compile(r"'(?P<kind>\S+)' object does not support the context manager protocol")


def explain(error: BaseException, steps: list[TracebackType], task: str | None) -> Finding | None:
    """Say which call lacks its `await`, or what is wrong instead."""
    if not isinstance(error, TypeError | AttributeError | ValueError) or not steps:
        return None
    text = str(error)
    ours = [step for step in steps if not is_of_a_loop(step.tb_frame.f_code.co_filename)]
    # Its text names coroutines, too.
    slip = _slip(text, ours[-1]) if ours and _LIST_GIVEN.match(text) else None
    if slip is None:
        found = _unawaited(error, steps) if _USED_AS_RESULT.match(text) else None
        if found is not None:
            return _finding(*found, task)
        slip = _slip(text, ours[-1]) if ours else None
    return slip and Finding("FER009", slip[0], Place.of_step(ours[-1]), help=slip[1], task=task)


def _finding(name: str, place: Place, call: Call | None, task: str | None) -> Finding:
    return Finding(
        "FER009",
        f"`await` is missing: {name}() returns a coroutine, and that was used as if it were its result",
        underlined(call, place) if call is not None else place,
        help=what_to_write(call) if call is not None else f"write `await` in front of `{name}()`",
        task=task,
    )


def _unawaited(error: BaseException, steps: list[TracebackType]) -> tuple[str, Place, Call | None] | None:
    """Find the coroutine that was used, and where it was made: in what the error keeps, or in the expressions."""
    used = getattr(error, "obj", None)
    if isinstance(used, _COROUTINES):
        return _made(used)
    for step in reversed(steps):
        for used in _coroutines_named(step):
            return _made(used)
        call = _call_of_coroutine_function(step)
        if call is not None:
            return call.callee, call.place, call
    return None


def _made(coroutine: Any) -> tuple[str, Place, Call | None] | None:
    place = never_awaited.where_it_was_made(coroutine)
    if place is None:
        return None
    return coroutine.__qualname__, place, find_call(place.filename, place.line, coroutine.__name__, place.column)


def _coroutines_named(step: TracebackType) -> Iterator[Any]:
    """Return the coroutines that have not begun among the variables in the expression that raised.

    Without its source, that is all variables.
    """
    names = set(re.findall(r"\w+", text_at(Place.of_step(step))))
    for name, value in step.tb_frame.f_locals.items():
        if not names or name in names:
            yield from _coroutines_under(value, _DEPTH)


def _coroutines_under(value: Any, depth: int) -> Iterator[Any]:
    if isinstance(value, _COROUTINES):
        if not isinstance(value, types.CoroutineType) or inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
            yield value
    elif depth and type(value) in (list, tuple, set, dict):
        members = value.values() if type(value) is dict else value
        for member in list(members)[:_MEMBERS]:
            yield from _coroutines_under(member, depth - 1)


def _call_of_coroutine_function(step: TracebackType) -> Call | None:
    """Find the call of an async function, not awaited, in the expression that raised."""
    place = Place.of_step(step)
    end_line = place.end_line or place.line
    for call in calls_in(place.filename):
        if place.line <= call.node.lineno <= end_line and not call.awaited:
            if inspect.iscoroutinefunction(_value_of(call.node.func, step.tb_frame)):
                return call
    return None


def _value_of(node: ast.expr, frame: FrameType) -> Any:
    """Return what a name or a dotted name means in a frame, without running any code; None if that is not plain."""
    match node:
        case ast.Name(id=name):
            for variables in (frame.f_locals, frame.f_globals):
                if name in variables:
                    return variables[name]
        case ast.Attribute(value=value, attr=name):
            owner = _value_of(value, frame)
            return None if owner is None else inspect.getattr_static(owner, name, None)
        case ast.Call(func=func):
            # An object that is made on the spot has the methods of its class.
            made = _value_of(func, frame)
            return made if isinstance(made, type) else None
    return None


def _slip(text: str, step: TracebackType) -> tuple[str, str] | None:
    """Return what is wrong and what to write, for errors that are not about a coroutine."""
    place, frame = Place.of_step(step), step.tb_frame
    call = call_at(place)
    awaited = _NOT_AWAITABLE.match(text)
    if awaited:
        # Otherwise something in the awaited call awaits, which is not the program's.
        return _not_awaitable(awaited["old"] or awaited["new"], _operand(place)) if _is_await(step) else None
    if _ASYNC_GENERATOR_ITERATED.match(text):
        return "an async generator is iterated without `async`", "write `async for` instead of `for`"
    if _FUNCTION_GIVEN.match(text):
        argument = call.first_argument if call is not None else None
        if call is None or argument is None:
            return "an async function was given where its coroutine is wanted", "call the function"
        written = call.rewritten(call.node.args[0], ("", "()"))
        return f"`{argument}` is the async function, not a call of it", f"write `{written}`"
    if call is not None and call.callee.endswith(("gather", "wait_for", "ensure_future", "shield", "run")):
        if call.callee.endswith("gather") and _LIST_GIVEN.match(text) and len(call.node.args) == 1:
            return "gather() takes awaitables one by one, not a collection", f"write `{_unpacked(call)}`"
        argument = call.first_argument
        if argument and inspect.iscoroutinefunction(_value_of(call.node.args[0], frame)):
            written = call.rewritten(call.node.args[0], ("", "()"))
            return f"`{argument}` is the async function, not a call of it", f"write `{written}`"
    if _COROUTINES_GIVEN.match(text):
        return (
            "wait() takes tasks, not coroutines",
            "write `asyncio.create_task(…)` around each, or use `asyncio.gather`",
        )
    with_ = _NOT_ASYNC_WITH.match(text)
    if with_ and with_["kind"].rpartition(".")[2] in (
        "Lock",
        "Semaphore",
        "BoundedSemaphore",
        "Condition",
        "Timeout",
        "TaskGroup",
    ):
        return f"a {with_['kind'].rpartition('.')[2]} of asyncio is used with `async with`", "write `async with`"
    return None


def _not_awaitable(kind: str, operand: str) -> tuple[str, str]:
    """Say what is wrong with `await operand`; the operand is empty where there is no source."""
    if kind in ("function", "method"):
        return "`await` was given the function, not a call of it", "call it: write `()` after its name"
    if kind in ("list", "tuple", "set"):
        return f"a {kind} cannot be awaited", f"write `await asyncio.gather(*{operand or '…'})`"
    if kind == "async_generator":
        return "an async generator is iterated, not awaited", f"write `async for … in {operand or '…'}`"
    if not operand:
        return f"what is awaited is no coroutine, but of the type {kind}", "leave out the `await`"
    return f"`{operand}` is not a coroutine, and cannot be awaited", f"write `{operand}` without `await`"


def _is_await(step: TracebackType) -> bool:
    """Tell whether a step raised because of what was given to an `await` in it."""
    return dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]] == "GET_AWAITABLE"


def _unpacked(call: Call) -> str | None:
    """Return the line of a call with its only argument unpacked."""
    argument = call.node.args[0]
    if isinstance(argument, ast.GeneratorExp):
        # What stands there are the parentheses of the call.
        return call.rewritten(argument, ("(*[", "])"), 1)
    return call.rewritten(argument, ("*", ""))


def _operand(place: Place) -> str:
    """Return what stands behind the `await` at a place."""
    return text_at(place).removeprefix("await").strip()
