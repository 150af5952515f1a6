"""Reports what detectors find: each site once, however often it happens.

`report` can be called from any thread, from a finalizer, in the middle of anything: it never raises, and it holds its
lock only while it counts. A site is a code and a place. It is reported when first seen; in mode ``log`` again at
its 10th, 100th, 1000th, … time, with the count. Beyond `MOST_SITES` sites we only count.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable

from ferraio import _ferraio
from ferraio.diagnose import rendering
from ferraio.diagnose.finding import Finding, Place, Site
from ferraio.diagnose.rules import severity_of
from ferraio.diagnose.settings import Settings

#: How many sites are told apart.
MOST_SITES = 1000

logger = logging.getLogger("ferraio")
# Programs that have not set up logging see on stderr what they would see without us.
logger.addHandler(logging.NullHandler())

#: What is reported, and how; the package sets it.
settings = Settings(mode="off")
#: Called with each finding, reported before or not. What they raise is said on stderr, and the finding as well.
observers: list[Callable[[Finding], None]] = []

#: What was shown before the program ran, because its source says so.
foreseen: set[Site] = set()

#: What detectors add to the summary of a program that is over: each returns a few words, or nothing.
summaries: list[Callable[[], str]] = []

_lock = threading.RLock()
_counts: dict[Site, int] = {}
_beyond = 0


def report(finding: Finding, *, in_note: bool = False, written: bool = False) -> bool:
    """Report a finding, unless its site was reported before. Never raises.

    What is said in a note of an error is counted, and written only as JSON. What is written already is only counted.
    Returns False if the finding is lost, because it could not be drawn or written; otherwise True.
    """
    try:
        _report(finding, in_note, written)
    except Exception as error:
        give_up(error)
        return False
    return True


def complete(finding: Finding) -> None:
    """Say how something ended that was reported when it began, if that was shown. Never raises."""
    try:
        if _counts.get(finding.site) == 1 and finding.code not in settings.ignore:
            if settings.shown:
                show(rendering.render(finding, "json" if settings.format == "json" else "concise"))
            elif settings.mode == "log":
                _log(finding, 1)
    except Exception as error:
        give_up(error)


def counts() -> dict[str, int]:
    """Return how many findings there were of each code."""
    with _lock:
        totals: dict[str, int] = {}
        for (code, *_), count in _counts.items():
            totals[code] = totals.get(code, 0) + count
        return totals


def repeated() -> dict[Site, int]:
    """Return the sites that were seen more than once, with how often."""
    with _lock:
        return {site: count for site, count in _counts.items() if count > 1}


def was_found(code: str, place: Place | None) -> bool:
    """Tell whether a mistake was found at a place before."""
    return place is not None and (code, place.filename, place.line, place.column) in _counts


def is_error(finding: Finding) -> bool:
    """Tell whether a finding fails what is run in strict mode."""
    return severity_of(finding.code) == "error"


def failures() -> int:
    """Return how many findings there were that are errors in strict mode."""
    return sum(count for code, count in counts().items() if severity_of(code) == "error")


def forget() -> None:
    """Begin anew: no site was seen yet."""
    global _beyond
    with _lock:
        _counts.clear()
        foreseen.clear()
        _beyond = 0


def _report(finding: Finding, in_note: bool, written: bool) -> None:
    if settings.mode == "off" or finding.code in settings.ignore:
        return
    count = _count(finding.site)
    for observer in list(observers):
        try:
            observer(finding)
        except Exception as error:
            give_up(error)
    if settings.shown:
        if count == 1 and not written and (settings.format == "json" or not in_note):
            show(rendering.render(finding, "concise" if _was_foreseen(finding) else settings.format))
    elif count and _is_power_of_ten(count):
        _log(finding, count)


def _was_foreseen(finding: Finding) -> bool:
    code, filename, line, column = finding.site
    return bool(foreseen) and (code, os.path.abspath(filename), line, column) in foreseen


def _count(site: Site) -> int:
    """Count a finding; return how often its site was seen, or 0 when there are too many sites."""
    global _beyond
    with _lock:
        if site not in _counts and len(_counts) >= MOST_SITES:
            _beyond += 1
            if _beyond == 1 and settings.shown:
                show(f"ferraio: findings at {MOST_SITES} places; further places are not shown\n")
            return 0
        _counts[site] = _counts.get(site, 0) + 1
        return _counts[site]


def _is_power_of_ten(count: int) -> bool:
    return str(count).strip("0") == "1"


def _log(finding: Finding, count: int) -> None:
    place = finding.place
    logger.warning(
        "%s",
        rendering.concise(finding),
        extra={
            "code": finding.code,
            "count": count,
            "filename_found": place and place.filename,
            "line": place and place.line,
            "function": place and place.function,
            "task": finding.task,
            "notes": finding.notes,
            "help": finding.help,
        },
    )


def write(text: str) -> None:
    """Write to stderr as it is now, if there is one."""
    # One write for the whole, so that messages of several threads do not mix.
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def write_summary(took: float, ran: float) -> None:
    """Write one line about a program that is over: seconds that it took, and that it ran on a processor."""
    found = ", ".join(f"{count} {code}" for code, count in sorted(counts().items())) or "no findings"
    tasks = _ferraio._tasks_made()
    parts = [f"{tasks} task{'s' * (tasks != 1)}", f"{max(took - ran, 0):.2f} s waiting", f"{ran:.2f} s running"]
    parts += [part for part in (describe() for describe in summaries) if part]
    try:
        if settings.format == "json":
            return
        write(f"ferraio: {', '.join(parts)}; {found}\n")
    except Exception:
        return


#: Shows a finding to a person, in the modes that do.
show: Callable[[str], None] = write


def give_up(error: Exception) -> None:
    """A program must not suffer from its diagnosis; say in one line that there was one."""
    try:
        write(f"ferraio: could not report a finding: {type(error).__name__}: {error}\n")
    except Exception:
        return


def _after_fork() -> None:
    global _lock
    # Another thread of the parent may have held it.
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
