"""Diagnosing: the classic mistakes of async programs, reported at their line while they happen.

This package is imported only once it is needed, so that programs start as fast as ever. `start` and `stop` enclose
what is diagnosed; they nest, and the settings of the innermost that is still open hold. Each mistake has a detector,
a module named by it with `start(settings)` and `stop()`, which reports a `Finding` to the reporter.
"""

from __future__ import annotations

import threading
from importlib import import_module

from ferraio.diagnose import reporter
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.reporter import report
from ferraio.diagnose.settings import Settings

__all__ = ("Finding", "Place", "Settings", "report", "start", "stop")

#: The modules of this package that detect mistakes, in the order in which they start.
DETECTORS: tuple[str, ...] = ("deadlock", "lost_task", "wrong_thread")

_lock = threading.RLock()
# The settings of each `start` whose `stop` has not come, and of which the last ones hold.
_open: list[Settings] = []


def start(settings: Settings) -> Settings:
    """Begin to diagnose; give what this returns to `stop`."""
    with _lock:
        before = reporter.settings
        _open.append(settings)
        _change(before, settings)
    return settings


def stop(settings: Settings) -> None:
    """End what `start` began."""
    with _lock:
        before = reporter.settings
        for index in reversed(range(len(_open))):
            if _open[index] is settings:
                del _open[index]
                break
        _change(before, _open[-1] if _open else Settings(mode="off"))


def _change(before: Settings, after: Settings) -> None:
    if before is after:
        return
    detectors = [import_module(f"ferraio.diagnose.{name}") for name in DETECTORS]
    if before.mode != "off":
        for detector in reversed(detectors):
            detector.stop()
    reporter.settings = after
    if after.mode != "off":
        for detector in detectors:
            detector.start(after)
