"""Explains errors that a mistake with `await` or with loops leads to: what they say stays, a note is added.

An error is explained when it ends a task, a run or the program, or reaches the exception handler of a loop. Each kind
of mistake has a module with ``explain(error, steps, task)``, which returns a finding if the error is of its kind.
`steps` are the frames of its traceback, the innermost last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from ferraio import _ferraio
from ferraio.diagnose import missing_await, nested_run, outside_async, rendering, reporter, wrong_loop
from ferraio.diagnose.settings import Settings

_EXPLAINERS = (outside_async, nested_run, wrong_loop, missing_await)
_before: Any = None


def start(settings: Settings) -> None:
    """With hints, explain the errors of tasks and callbacks, too."""
    global _before
    if settings.shown:
        _ferraio._tell_failures(True)
        if asyncio.BaseEventLoop.default_exception_handler is not _default_exception_handler:
            _before = asyncio.BaseEventLoop.default_exception_handler
            asyncio.BaseEventLoop.default_exception_handler = _default_exception_handler  # type: ignore[method-assign]


def stop() -> None:
    """Explain no more."""
    _ferraio._tell_failures(False)
    if asyncio.BaseEventLoop.default_exception_handler is _default_exception_handler:
        asyncio.BaseEventLoop.default_exception_handler = _before  # type: ignore[method-assign]


def task_failed(task: Any, error: BaseException) -> None:
    """A task is about to end with an error."""
    explain(error, task.get_name())


def _default_exception_handler(loop: Any, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        explain(error)
    _before(loop, context)


def explain(error: BaseException, task: str | None = None) -> None:
    """Add a note to the error, and to those that are shown with it, if we know more than they say. Never raises."""
    try:
        for each in _with_others(error, set()):
            _explain(each, task)
    except Exception as failure:
        reporter.give_up(failure)


def _with_others(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _with_others(inner, seen)
    yield from _with_others(error.__cause__, seen)
    if not error.__suppress_context__:
        yield from _with_others(error.__context__, seen)


def _explain(error: BaseException, task: str | None) -> None:
    if any(note.startswith("hint[FER") for note in getattr(error, "__notes__", ())):
        return
    for explainer in _EXPLAINERS:
        finding = explainer.explain(error, _steps(error.__traceback__), task)
        if finding is not None and finding.code not in reporter.settings.ignore:
            error.add_note(rendering.as_note(finding))
            reporter.report(finding, in_note=True)
            return


def _steps(traceback: TracebackType | None) -> list[TracebackType]:
    steps = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    return steps
