"""Words that findings have in common."""

from __future__ import annotations

_LONGEST_TEXT = 120


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def describe(error: BaseException) -> str:
    """Name an exception and its text, on one line that is not too long."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
