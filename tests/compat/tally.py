"""Counts the outcomes of CPython's own tests over the whole run of pytest."""

from collections import Counter

_sums: dict[str, Counter] = {}
_fail_on_asyncio_too: set[str] = set()


def add(mode, outcomes, findings, fail_on_asyncio_too):
    """Adds a module's outcomes in one mode, given which are unexpected and which fail on asyncio too."""
    sums = _sums.setdefault(mode, Counter())
    unexpected = {finding.test for finding in findings}
    for test, outcome in outcomes.items():
        if not outcome.is_bad:
            sums[outcome.kind] += 1
        elif test in fail_on_asyncio_too:
            sums["failed on asyncio too"] += 1
        elif test in unexpected:
            sums["FAILED"] += 1
        else:
            sums["failed as expected"] += 1
    _fail_on_asyncio_too.update(fail_on_asyncio_too)


def lines():
    """The sums, one line for each mode, and what failed without our help."""
    for mode, sums in _sums.items():
        yield f"{mode}: " + ", ".join(f"{number} {kind}" for kind, number in sums.most_common())
    for test in sorted(_fail_on_asyncio_too):
        yield f"failed on asyncio too: {test}"
