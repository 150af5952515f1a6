"""uvloop's own tests: which of its modules we run, and how they come to test ferraio.

They import `uvloop`, and find what `uvloop_archive.py` has unpacked. Used by the parent (`battery.py`) and by its child
(`in_child.py`).
"""

import os
import sys

NAME = "uvloop"
PREFIX = "tests."

MODULES = (
    "test_aiohttp",
    "test_base",
    "test_context",
    "test_dealloc",
    "test_dns",
    "test_executors",
    "test_pipes",
    "test_process",
    "test_process_spawning",
    "test_regr1",
    "test_runner",
    "test_signals",
    "test_sockets",
    "test_tcp",
    "test_udp",
    "test_unix",
)
"""What we run. Not test_cython, test_fs_event, test_libuv_api (what uvloop adds to asyncio by libuv and Cython),
test_sourcecode (flake8 and mypy on its sources) and test_testbase (its own base class of tests)."""

NEEDS = {"test_aiohttp": "aiohttp", "test_process": "psutil", "test_tcp": "OpenSSL"}
"""What some of them import besides."""


def environment() -> dict[str, str]:
    """The child's environment: with the unpacked archive in front of all else."""
    import uvloop_archive

    return {**os.environ, "FERRAIO_UVLOOP": str(uvloop_archive.fetch())}


def prepare(mode: str) -> None:
    """In the child: makes `uvloop` mean ferraio here and in the processes that the tests start."""
    root = os.environ["FERRAIO_UVLOOP"]
    os.environ["FERRAIO_UVLOOP_MODE"] = mode
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    sys.path.insert(0, root)
