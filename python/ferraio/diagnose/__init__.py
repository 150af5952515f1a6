"""Diagnosing: the classic mistakes of async programs, reported at their line while they happen.

This package is imported only once it is needed, so that programs start as fast as ever. `start` and `stop` enclose
what is diagnosed; they nest, and the settings of the innermost that is still open hold. Each mistake has a detector,
a module named by it with `start(settings)` and `stop()`, which reports a `Finding` to the reporter. Mistakes that
end in an error are explained in a note of the error, by `explanations`.
"""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

from ferraio.diagnose import reporter
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.reporter import report
from ferraio.diagnose.settings import Settings, from_environment, parse

__all__ = (
    "Diagnosis",
    "Finding",
    "FindingsError",
    "Place",
    "Settings",
    "current",
    "explain",
    "from_environment",
    "parse",
    "report",
    "start",
    "stop",
)

#: The modules of this package that detect mistakes, in the order in which they start.
DETECTORS = (
    "never_awaited",
    "wrong_loop",
    "explanations",
    "blocked_loop",
    "deadlock",
    "lost_task",
    "gather_surprise",
    "cancellation",
    "wrong_thread",
)

_lock = threading.RLock()
# What was started and not stopped; the last one holds.
_open: list[Diagnosis] = []


class FindingsError(RuntimeError):
    """In mode strict: what was run left findings behind that are errors."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} mistake{'s' * (count > 1)} found, see above")


class Diagnosis:
    """What `start` began."""

    def __init__(self, settings: Settings, detectors: tuple[str, ...]) -> None:
        self.settings = settings
        self.detectors = detectors if settings.mode != "off" else ()
        self._failures_before = reporter.failures()

    def failures(self) -> int:
        """Return how many findings since its start fail it: none but in mode strict."""
        if self.settings.mode != "strict":
            return 0
        # Coroutines and tasks that are garbage are found when they go.
        gc.collect()
        return reporter.failures() - self._failures_before


def current() -> Diagnosis | None:
    """Return the diagnosis that holds now, if any."""
    return _open[-1] if _open else None


def start(settings: Settings, detectors: tuple[str, ...] = DETECTORS) -> Diagnosis:
    """Begin to diagnose; `stop` must follow."""
    with _lock:
        before = current()
        _open.append(Diagnosis(settings, detectors))
        _change(before)
        return _open[-1]


def stop(diagnosis: Diagnosis) -> None:
    """End what `start` began."""
    with _lock:
        before = current()
        _open.remove(diagnosis)
        _change(before)


def explain(error: BaseException) -> None:
    """Add to an error what we know of the mistake behind it, once, if findings are shown."""
    if reporter.settings.shown:
        from ferraio.diagnose import explanations

        explanations.explain(error)


def _change(before: Diagnosis | None) -> None:
    after = current()
    if before is after:
        return
    for detector in reversed(_modules(before.detectors if before else ())):
        detector.stop()
    reporter.settings = after.settings if after else Settings(mode="off")
    for detector in _modules(after.detectors if after else ()):
        detector.start(reporter.settings)


def _modules(detectors: tuple[str, ...]) -> list[Any]:
    """Import detectors: each by an `import` of its own, so that whatever freezes a program finds them."""
    if not detectors:
        return []
    from ferraio.diagnose import (  # noqa: F401
        blocked_loop,
        cancellation,
        deadlock,
        explanations,
        gather_surprise,
        lost_task,
        never_awaited,
        wrong_loop,
        wrong_thread,
    )

    return [sys.modules[f"{__name__}.{name}"] for name in detectors]
