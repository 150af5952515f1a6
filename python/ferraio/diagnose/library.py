"""Which code is the program's own, and which is asyncio's or ferraio's, which nobody wants to be pointed at."""

from __future__ import annotations

import asyncio
import os
import sys

from ferraio.diagnose.finding import Place


def _folder(function) -> str:
    """The folder of the file that a function is from, as its code has it: a module of a frozen app may have no file."""
    return os.path.dirname(function.__code__.co_filename)


#: Where the files of asyncio and of ferraio are.
ASYNCIO = _folder(asyncio.AbstractEventLoop.run_forever)
FERRAIO = os.path.dirname(_folder(_folder))


def _prefixes() -> tuple[str, ...]:
    folders = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    if os.path.basename(parent := os.path.dirname(FERRAIO)) in ("site-packages", "dist-packages"):
        folders.append(parent)
    return ("<frozen ", *(folder + os.sep for folder in {os.path.dirname(ASYNCIO), FERRAIO, *folders}))


#: How the names of files begin that are of the standard library, of ferraio, or of an installed package.
PREFIXES = _prefixes()
#: The same for asyncio and ferraio, as far as they are in files.
LOOPS = (ASYNCIO + os.sep, FERRAIO + os.sep)
_ASYNCIO = ("<frozen ", *LOOPS)


def is_library(filename: str) -> bool:
    """Is it a file of asyncio or of ferraio?"""
    return filename.startswith(_ASYNCIO)


def is_installed(filename: str) -> bool:
    """Is it a file of the standard library, of ferraio, or of an installed package?"""
    return filename.startswith(PREFIXES)


def standard(ours: type) -> type:
    """Return the class of asyncio that one of ours derives from: its name in asyncio may be bound to ours now."""
    return next(each for each in ours.__mro__ if each.__module__.startswith("asyncio."))


def own_frame(frame):
    """Return the innermost frame of the program itself, from this one outwards; None if there is none."""
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def caller(frame) -> Place | None:
    """Return the innermost place of the program itself, from this frame outwards."""
    frame = own_frame(frame)
    return None if frame is None else Place.of_frame(frame)
