"""Explains errors that a mistake with `await` or a loop leads to: what they say stays, a note is added."""

from __future__ import annotations


def explain(error: BaseException) -> None:
    """Add a note to the error, once, if we know more of it than it says."""
