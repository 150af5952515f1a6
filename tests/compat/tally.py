"""Counts the outcomes of CPython's and uvloop's own tests over the whole run of pytest."""

from collections import Counter

_sums: dict[str, Counter] = {}
_fail_on_asyncio_too: set[str] = set()


def add(suite, mode, outcomes, findings, fail_on_asyncio_too):
    """Adds the outcomes of a suite's module in one mode, given which are unexpected and which fail on asyncio too."""
    sums = _sums.setdefault(f"{suite}, {mode}", Counter())
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
    """The sums, one line for each suite and mode, and what failed without our help."""
    for name, sums in _sums.items():
        yield f"{name}: " + ", ".join(f"{number} {kind}" for kind, number in sums.most_common())
    for test in sorted(_fail_on_asyncio_too):
        yield f"failed on asyncio too: {test}"
