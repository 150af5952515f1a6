"""Counts instructions per operation with valgrind: the same on every machine and every day.

A short and a long run differ only in the number of operations, so the difference of their counts, divided by
it, is what one operation takes. The interpreter's start, the imports and the warming up cancel out.
"""

import re
import shutil

from benches.case import Case
from benches.rounds import SampleFailed, run_sample

VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def is_possible() -> bool:
    return shutil.which("valgrind") is not None


def count(case: Case, peer: str) -> float:
    """Instructions of one operation."""
    short, long = case.least, 3 * case.least
    return (_collected(case, peer, long) - _collected(case, peer, short)) / (long - short)


def _collected(case: Case, peer: str, operations: int) -> int:
    errors = run_sample(VALGRIND, [peer, case.key, "--operations", str(operations)]).errors
    found = re.search(r"Collected : (\d+)", errors)
    if found is None:
        raise SampleFailed("valgrind said nothing about instructions")
    return int(found[1])
