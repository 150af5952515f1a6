"""Which code is the program's own, and which is asyncio's or ferraio's, which nobody wants to be pointed at."""

from __future__ import annotations

import asyncio
import os
import sysconfig

import ferraio
from ferraio.diagnose.finding import Place

_INSTALLED = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_LIBRARIES = tuple(os.path.dirname(module.__file__) + os.sep for module in (asyncio, ferraio))


def is_library(filename: str) -> bool:
    """Is it a file of asyncio or of ferraio?"""
    return filename.startswith(_LIBRARIES) or filename.startswith("<frozen ")


def is_installed(filename: str) -> bool:
    """Is it a file of Python's library or of a package that was installed?"""
    return filename.startswith(_INSTALLED)


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
