"""What a detector has found: one mistake, at one place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any


#: A code, a file, a line, a column.
Site = tuple[str, str, int, int | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a source file. Lines count from 1, columns from 0, as in `code.co_positions()`."""

    filename: str
    line: int
    function: str = ""
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None

    @classmethod
    def of_frame(cls, frame: FrameType) -> Place:
        """Return where a frame is now."""
        return cls.of_code(frame.f_code, frame.f_lasti, frame.f_lineno)

    @classmethod
    def of_code(cls, code: CodeType, instruction: int, line: int | None = None) -> Place:
        """Return where an instruction of the code (its `f_lasti`; -1 is before the first) comes from."""
        line = line or code.co_firstlineno
        found = next(islice(code.co_positions(), instruction // 2, None), None) if instruction >= 0 else None
        if found is None or found[0] is None:
            return cls(code.co_filename, line, code.co_qualname)
        first, last, column, end_column = found
        return cls(code.co_filename, first, code.co_qualname, column, last, end_column)

    @classmethod
    def of_coroutine(cls, coroutine: Any) -> Place | None:
        """Return where a coroutine or generator waits; when it has no frame any more: where it begins.

        What is no coroutine of Python's, such as one of Cython or of C, has no place.
        """
        for prefix in ("cr", "ag", "gi"):
            frame = getattr(coroutine, f"{prefix}_frame", None)
            if frame is not None:
                return cls.of_frame(frame)
            code = getattr(coroutine, f"{prefix}_code", None)
            if code is not None:
                return cls.of_code(code, -1)
        return None

    def __str__(self) -> str:
        column = "" if self.column is None else f":{self.column + 1}"
        return f"{self.filename}:{self.line}{column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that was seen: what, where, why, and what to write instead."""

    #: The stable name of the mistake, such as FER001.
    code: str
    #: One line that says what happened.
    message: str
    #: Where it happened; None where nobody can know.
    place: Place | None = None
    #: Further sentences: why it is wrong, what it led to.
    notes: tuple[str, ...] = ()
    #: What to write instead.
    help: str | None = None
    #: The name of the task in which it happened.
    task: str | None = None
    #: Other places that belong to it, each with a label.
    related: tuple[tuple[Place, str], ...] = ()

    @property
    def site(self) -> Site:
        """Tell it from other findings: the code, the file, the line, and the column where it is known."""
        if self.place is None:
            return self.code, self.message, 0, None
        return self.code, self.place.filename, self.place.line, self.place.column
