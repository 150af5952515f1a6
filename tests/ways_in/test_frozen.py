"""A program that is frozen into an app has all of the package that it needs."""

import subprocess
import sys
from modulefinder import ModuleFinder
from pathlib import Path

import ferraio

PROGRAM = """
import asyncio, os, sys

# As in an app in which the standard library is frozen.
del os.__file__, asyncio.__file__

import ferraio

async def save(): ...

async def main():
    save()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.close()
    server.close()

ferraio.run(main(), diagnose="hint")
print(*(name for name in sys.modules if name.startswith("ferraio")))
"""


def test_what_is_imported_can_be_found_in_the_code(tmp_path):
    program = tmp_path / "app.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert "FER001" in done.stderr
    # Whatever freezes a program looks for imports in its code, as this does.
    finder = ModuleFinder([str(Path(ferraio.__file__).parents[1])])
    finder.run_script(str(program))
    assert set(done.stdout.split()) <= set(finder.modules)
