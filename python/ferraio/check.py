"""The checker: the classic mistakes of async Python, found before the program runs.

``ferraio check`` on the command line, here for programs::

    from ferraio.check import check

    for finding in check("src"):
        print(finding["filename"], finding["location"]["row"], finding["code"], finding["message"])
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ferraio._ferraio import _check, _check_script, _explain_rule

__all__ = ("check", "check_script", "explain", "main")


def check(*paths: str | os.PathLike[str], options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return what is wrong below these paths, each finding as ``--output-format json`` has it.

    ``options`` are those of the command line. What the command would refuse is a ValueError.
    """
    arguments = [*options, "--output-format", "json", "--", *map(os.fspath, paths)]
    status, output, errors = _check(arguments, _libraries(), sys.version_info.minor, False)
    if status == 2:
        raise ValueError(errors.removeprefix("error: ").strip())
    return json.loads(output)


def check_script(path: str | os.PathLike[str], *, colour: bool = False) -> str:
    """Tell, as text, where a script misses an ``await``, or has one where none can be. It takes milliseconds."""
    return _check_script(os.fspath(path), _libraries(), sys.version_info.minor, colour)


def explain(rule: str) -> str | None:
    """Return the page of a rule, by its code or its name."""
    return _explain_rule(rule)


def main(arguments: list[str]) -> int:
    """Do ``ferraio check``, and return its exit status."""
    status, output, errors = _check(arguments, _libraries(), sys.version_info.minor, sys.stdout.isatty())
    try:
        sys.stdout.write(output)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on. What is still in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stderr.write(errors)
    return status


def _libraries() -> list[str]:
    """The folders of the standard library and the installed packages."""
    here = os.getcwd()
    library = os.path.dirname(os.__file__)
    others = [path for path in sys.path if os.path.isdir(path) and os.path.abspath(path) not in (here, library)]
    return [library, *(path for path in others if os.path.basename(path) in ("site-packages", "dist-packages"))]
