"""Whether a run is diagnosed, and how: decided without importing the package `diagnose`, which takes its time.

Without any choice, in production that is, it is diagnosed in mode ``log``, from when that costs nobody anything: once a
loop has run for a while, or when there is a coroutine that nobody has awaited. Before that the package stays out.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings

from ferraio import _ferraio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ferraio.diagnose import Diagnosis

#: What `begin` returns for a run without a choice.
_UNDECIDED = "undecided"
#: How many seconds a loop runs before it is diagnosed without a choice: programs that are over before start as ever.
BEGINS_AFTER = 1.0

_lock = threading.RLock()
# The runs under way that made no choice.
_undecided = 0
# What was in the place of `_first_unawaited`, and the diagnosis that it began.
_before: Any = None
_of_undecided: Diagnosis | None = None


def begin(choice: str | None = None) -> Diagnosis | str | None:
    """Begin to diagnose a run as it was chosen for it, or by the variable FERRAIO; give `end` what this returns.

    A run without a choice in the midst of a diagnosis belongs to that. A bad choice is a ValueError.
    """
    if choice is None and _is_diagnosed():
        return None
    if choice is None and not os.environ.get("FERRAIO"):
        _begin_undecided()
        return _UNDECIDED
    from ferraio import diagnose

    return diagnose.start(diagnose.from_environment() if choice is None else diagnose.parse(choice))


def end(begun: Diagnosis | str | None, *, complain: bool) -> None:
    """End what `begin` began; in mode strict, complain of what was found."""
    if begun is None:
        return
    if isinstance(begun, str):
        _end_undecided()
        return
    from ferraio import diagnose

    failures = begun.failures() if complain else 0
    diagnose.stop(begun)
    if failures:
        raise diagnose.FindingsError(failures)


def _is_diagnosed() -> bool:
    """Tell whether there is a diagnosis already that somebody has chosen."""
    if "ferraio.diagnose" not in sys.modules:
        return False
    from ferraio import diagnose

    return diagnose.current() not in (None, _of_undecided)


def explain(error: BaseException) -> None:
    """Add to an error that a user will see what we know of it, if hints are on."""
    if "ferraio.diagnose" in sys.modules:
        from ferraio import diagnose

        diagnose.explain(error)


def observed_program(output_format: str | None) -> Callable[..., None]:
    """Return what calls a function that runs a whole program, diagnosed by FERRAIO, or with hints on a terminal.

    A bad value of FERRAIO is a ValueError.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not os.environ.get("FERRAIO") and output_format is None and not on_terminal:
        return _observe_undecided
    from ferraio.diagnose import program

    return program.Observed(output_format)


def _observe_undecided(enter: Callable[..., None], *arguments: object) -> None:
    # Until the process ends, so that what is collected last is seen.
    _begin_undecided()
    enter(*arguments)


def _begin_undecided() -> None:
    global _undecided, _before
    with _lock:
        _undecided += 1
        if _undecided == 1:
            _before = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]
            warnings._warn_unawaited_coroutine = _first_unawaited  # type: ignore[attr-defined]
            _ferraio._diagnose_after(BEGINS_AFTER)


def _end_undecided() -> None:
    global _undecided, _of_undecided
    with _lock:
        _undecided -= 1
        if _undecided:
            return
        _ferraio._diagnose_after(float("inf"))
        if _of_undecided is not None:
            from ferraio import diagnose

            diagnose.stop(_of_undecided)
            _of_undecided = None
        if warnings._warn_unawaited_coroutine is _first_unawaited:  # type: ignore[attr-defined]
            warnings._warn_unawaited_coroutine = _before  # type: ignore[attr-defined]


def begin_at_last() -> None:
    """Begin to diagnose the runs that made no choice. The Rust loop calls it.

    What keeps it from that, such as a limit on threads, is no reason to end a program that has not asked for it.
    """
    global _of_undecided
    from ferraio import diagnose
    from ferraio.diagnose import reporter

    with _lock:
        if _of_undecided is None and _undecided and diagnose.current() is None:
            try:
                _of_undecided = diagnose.start(diagnose.Settings())
            except Exception as error:
                reporter.logger.warning("diagnosing could not begin: %r", error)


def _first_unawaited(coroutine: object) -> None:
    """Stand in for `warnings._warn_unawaited_coroutine` until it is first called."""
    from ferraio.diagnose import never_awaited

    begin_at_last()
    never_awaited.warn_unawaited_coroutine(coroutine, above=1)
