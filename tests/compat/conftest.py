"""Shows at the end of a run how many of CPython's and uvloop's own tests did what."""

import sys

import tally


def pytest_terminal_summary(terminalreporter):
    lines = list(tally.lines())
    if lines:
        terminalreporter.section("the tests of CPython and of uvloop on Python {}.{}".format(*sys.version_info))
        for line in lines:
            terminalreporter.write_line(line)
