"""Transports over the ends of pipes, for tests."""

import asyncio
import os

from recording import Notes, Recorder


async def read_from(fd, protocol=Recorder):
    """Return the transport and the protocol of an end that is read."""
    return await asyncio.get_running_loop().connect_read_pipe(protocol, os.fdopen(fd, "rb", buffering=0))


async def write_to(fd, protocol=Notes):
    """Return the transport and the protocol of an end that is written."""
    return await asyncio.get_running_loop().connect_write_pipe(protocol, os.fdopen(fd, "wb", buffering=0))


def fill(writing):
    """Write until something has to wait."""
    while not writing.get_write_buffer_size():
        writing.write(b"x" * 65536)
