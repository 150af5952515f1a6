"""The ways to start a program, for the tests in this directory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .child_process import Launcher

# What the entry point `ferraio.cli:main` of pyproject.toml becomes when the package is installed.
CONSOLE_SCRIPT = """\
import sys
from ferraio.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture(scope="session")
def console_script(tmp_path_factory) -> Path:
    script = tmp_path_factory.mktemp("bin") / "ferraio"
    script.write_text(CONSOLE_SCRIPT)
    return script


@pytest.fixture
def python(tmp_path) -> Launcher:
    """Start Python itself: `python("script.py")`."""
    return Launcher((sys.executable,), tmp_path)


@pytest.fixture
def ferraio_command(tmp_path, console_script) -> Launcher:
    """Start the command `ferraio`: `ferraio_command("run", "script.py")`."""
    return Launcher((sys.executable, str(console_script)), tmp_path)


@pytest.fixture
def write(tmp_path) -> Callable[[str, str | bytes], None]:
    """Write a file for the programs of one test."""

    def write_file(name: str, content: str | bytes) -> None:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    return write_file
