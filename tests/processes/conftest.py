"""What the tests of processes and pipes share: stories that leave neither a child nor an fd behind."""

import asyncio
import gc
import os
from pathlib import Path

import pytest


def children():
    """The children of this process, zombies among them, where the system tells."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.fixture
def play(run):
    """Runs a story within a time that only a hanging one needs; afterwards no child and no fd is left."""

    def play(main, **options):
        async def story():
            async with asyncio.timeout(60):
                return await main()

        gc.collect()
        before = len(os.listdir("/dev/fd")), children()
        result = run(story, **options)
        gc.collect()
        assert (len(os.listdir("/dev/fd")), children()) == before
        return result

    return play
