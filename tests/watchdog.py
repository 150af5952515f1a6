"""Ends a run of pytest in which one test hangs, and shows where every thread is.

Each test has some minutes; when they are over, the kernel sends SIGABRT, for which pytest has set up `faulthandler`. A
timer of the kernel is all there is: no thread, no child process, no handler in Python. With any of those, a loop that
waits for nothing could be woken from outside, so no deadlock would be certain, which our tests of FER007 need. That
rules out pytest's `faulthandler_timeout`, which starts a thread.

Where the C library has no such timers, as on macOS, nobody watches.
"""

import ctypes
import signal
import time

import pytest

MINUTES = 5
"""What a test may take. The slowest takes a fifth of it on a busy machine; a mark says of which that is not so."""


def pytest_addoption(parser):
    parser.addoption(
        "--minutes-per-test",
        type=float,
        default=MINUTES,
        help=f"after this a test hangs: show where, and end ({MINUTES}; 0 for as long as it takes)",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "may_take(minutes): hangs only after this; 0 for one that watches over itself")
    minutes = config.getoption("minutes_per_test")
    if minutes > 0 and hasattr(ctypes.CDLL(None), "timer_create"):
        config.pluginmanager.register(Watchdog(minutes), "watchdog-of-tests")


class Watchdog:
    """Watches each test from its set-up to its tear-down."""

    def __init__(self, minutes):
        self._minutes = minutes
        self._timer = Timer()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        marker = item.get_closest_marker("may_take")
        # A child that a test forks has no timer: if it hangs, so does the test that waits for it.
        self._timer.set(60 * (marker.kwargs["minutes"] if marker else self._minutes))
        try:
            return (yield)
        finally:
            self._timer.set(0)


class Timer:
    """A POSIX timer of this process that sends SIGABRT."""

    def __init__(self):
        self._library = ctypes.CDLL(None, use_errno=True)
        self._id = ctypes.c_void_p()
        event = EventOfTimer(signo=signal.SIGABRT, notify=EventOfTimer.SIGNAL)
        self._check(self._library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._id)))

    def set(self, seconds):
        """Lets it be due in so many seconds; 0 for never."""
        due = TimesOfTimer(seconds=int(seconds), nanoseconds=int(seconds % 1 * 1e9))
        self._check(self._library.timer_settime(self._id, 0, ctypes.byref(due), None))

    @staticmethod
    def _check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), "a timer of the kernel that would end tests that hang")


class EventOfTimer(ctypes.Structure):
    """`struct sigevent` as far as we use it; with its union it has 64 bytes."""

    SIGNAL = 0
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("union", ctypes.c_char * 64),
    )


class TimesOfTimer(ctypes.Structure):
    """`struct itimerspec`: how often again, and when first."""

    _fields_ = (
        ("again_seconds", ctypes.c_long),
        ("again_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )
