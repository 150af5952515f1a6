"""Counts instructions per operation with valgrind: the same on every machine and every day.

A short and a long run differ only in the number of operations, so the difference of their counts, divided by
it, is what one operation takes. The interpreter's start, the imports and the warming up cancel out.
"""

import re
import shutil
from collections.abc import Callable

from benches.case import Case
from benches.rounds import SampleFailed, run_program

VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def is_possible() -> bool:
    return shutil.which("valgrind") is not None


def count(case: Case, peer: str) -> float:
    """Instructions of one operation."""
    return per_operation(
        lambda operations: ["benches.sample", peer, case.key, "--operations", str(operations)], case.least
    )


def per_operation(program: Callable[[int], list[str]], least: int) -> float:
    """The same for any module that performs so many operations, a multiple of `least`."""
    short, long = least, 3 * least
    return (_collected(program(long)) - _collected(program(short))) / (long - short)


def _collected(program: list[str]) -> int:
    errors = run_program(VALGRIND, program).errors
    found = re.search(r"Collected : (\d+)", errors)
    if found is None:
        raise SampleFailed("valgrind said nothing about instructions")
    return int(found[1])
