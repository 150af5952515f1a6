"""Shows at the end of a run how many of CPython's and uvloop's own tests did what; passes `--diagnosed` on to them."""

import sys

import battery
import tally


def pytest_configure(config):
    battery.DIAGNOSED = config.getoption("--diagnosed")


def pytest_terminal_summary(terminalreporter):
    lines = list(tally.lines())
    if lines:
        terminalreporter.section("the tests of CPython and of uvloop on Python {}.{}".format(*sys.version_info))
        for line in lines:
            terminalreporter.write_line(line)
