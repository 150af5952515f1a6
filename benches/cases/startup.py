"""Starting: what a program pays that imports the peer, runs one small coroutine and ends."""

import subprocess
import sys
import time

from benches.case import Sample, reading

IMPORT = """
import time
began = time.perf_counter()
import asyncio
import {module}
{install}
print(time.perf_counter() - began)
"""

RUN = """
import asyncio, time
import {module}
async def main(): pass
began = time.perf_counter()
{run_once}
print(time.perf_counter() - began)
"""

WHOLE = """
import asyncio
import {module}
async def main(): pass
{run_once}
"""


@reading("import asyncio and the loop", unit="ns")
def import_time(peer, effort):
    """How long does it take to import asyncio and the peer, and to install the peer if it installs?"""
    return _fastest_printed(IMPORT, peer, effort)


@reading("run(noop()), the first of a process", unit="ns")
def first_run(peer, effort):
    """How long does the first run of a process take, from making the loop to closing it?"""
    return _fastest_printed(RUN, peer, effort)


@reading("run(noop()), the whole process", unit="ns")
def whole_process(peer, effort):
    """How long does a program live that does nothing, from its start to its end?"""
    program = _program(WHOLE, peer)
    times = []
    for _ in _turns(effort):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        times.append(time.perf_counter() - began)
    return Sample(min(times) * 1e9, len(times))


def _fastest_printed(template, peer, effort):
    program = _program(template, peer)
    command = [sys.executable, "-c", program]
    times = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in _turns(effort)]
    return Sample(min(times) * 1e9, len(times))


def _program(template, peer):
    install = f"{peer.module}.install()" if peer.installs else ""
    return template.format(module=peer.module, run_once=peer.run_once, install=install)


def _turns(effort):
    """A turn for each process of a sample: the fastest of a few is steady."""
    return effort.turns(2 * effort.few)
