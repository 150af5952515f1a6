"""Which code is the program's own, and which is a library's, which nobody can change."""

from __future__ import annotations

import os
import sys

import ferraio


def _prefixes() -> tuple[str, ...]:
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    folders = [os.path.dirname(os.__file__), os.path.dirname(ferraio.__file__), *packages]
    return ("<frozen ", *(folder + os.sep for folder in folders))


#: How the names of files begin that are of the standard library, of ferraio, or of an installed package.
PREFIXES = _prefixes()


def is_library(filename: str) -> bool:
    """Tell whether a file is of the standard library, of ferraio, or of an installed package."""
    return filename.startswith(PREFIXES)
