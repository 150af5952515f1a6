"""Child processes: what the program that starts them pays; the child's own time does not count."""

import asyncio
import shutil

from benches.case import operations

CHILD = shutil.which("true") or "/bin/true"


@operations("start a process and wait for it", least=10)
async def start(count):
    """How much CPU does it cost to start a process that does nothing, and to wait for its end?"""
    for _ in range(count):
        process = await asyncio.create_subprocess_exec(CHILD)
        await process.wait()


@operations("start a process with three pipes, communicate", least=10)
async def communicate(count):
    """How much does it cost with pipes for input, output and errors, all read to their end?"""
    pipe = asyncio.subprocess.PIPE
    for _ in range(count):
        process = await asyncio.create_subprocess_exec(CHILD, stdin=pipe, stdout=pipe, stderr=pipe)
        await process.communicate()
