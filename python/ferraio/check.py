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
from collections.abc import Iterable
from typing import Any

from ferraio._ferraio import _check, _check_script, _explain_rule

__all__ = ("check", "check_script", "code_of", "explain", "main")


def check(*paths: str | os.PathLike[str], options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Look for mistakes in files, and in folders below.

    Args:
        paths: the files and folders; without any, the current folder.
        options: those of the command line, such as ``("--select", "FER001")``.

    Returns:
        What was found, each finding as ``--output-format json`` has it.

    Raises:
        ValueError: for what the command would refuse, such as an unknown option.
    """
    arguments = [*options, "--output-format", "json", "--", *map(os.fspath, paths)]
    status, output, errors = _check(arguments, _libraries(), sys.version_info.minor, False, False)
    if status == 2:
        raise ValueError(errors.removeprefix("error: ").strip())
    return json.loads(output)


def check_script(
    path: str | os.PathLike[str], *, ignore: Iterable[str] = (), concise: bool = False, colour: bool = False
) -> list[tuple[str, int, int, str]]:
    """Find where a script misses an ``await``, or has one where none can be.

    Args:
        path: the script. What it imports is read as far as that is needed; ``[tool.ferraio]`` of its project holds.
        ignore: codes that are not wanted, such as ``FER001``.
        concise: a line for each finding, without an excerpt of the source.
        colour: whether the excerpts have the colours of a terminal.

    Returns:
        The findings: the code, the line (from 1), the column (in bytes, from 0), and the text that tells it. A script
        that cannot be read or parsed has none: Python itself will say so.
    """
    return _check_script(os.fspath(path), _libraries(), sys.version_info.minor, tuple(ignore), concise, colour)


def explain(rule: str) -> str | None:
    """Return the page of a rule, by its code or its name; None if there is no such rule."""
    return _explain_rule(rule)


def code_of(rule: str) -> str | None:
    """Return the code of a rule, ``FER001``, by its code or its name; None if there is no such rule."""
    page = _explain_rule(rule)
    # A page begins with its code: `# FER001 never-awaited`.
    return page.split(maxsplit=2)[1] if page is not None and rule.lower() != "all" else None


def main(arguments: list[str]) -> int:
    """Do ``ferraio check``, and return its exit status."""
    status, output, errors = _check(arguments, _libraries(), sys.version_info.minor, sys.stdout.isatty(), True)
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
