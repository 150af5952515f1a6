"""Which call blocks the loop: from the frames of the step that does not end to a line of the program, and to advice."""

from __future__ import annotations

import ast
import inspect
import os
from typing import NamedTuple

from ferraio.diagnose.finding import Place
from ferraio.diagnose.library import FERRAIO, is_installed
from ferraio.diagnose.source import Call, calls_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

#: The file in which the loop itself is: what runs above it is the step.
_LOOP = os.path.join(FERRAIO, "_event_loop.py")
_DIAGNOSIS = os.path.join(FERRAIO, "diagnose", "")
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
#: Callers shown besides the call itself, at most.
_MOST_CALLERS = 8
#: A longer text of a call is shortened.
_LONGEST_TEXT = 50


class Frame(NamedTuple):
    """A frame of the step that blocks, as it was at one moment."""

    place: Place
    #: Whether it is of a coroutine or an asynchronous generator.
    is_async: bool

    @classmethod
    def read(cls, frame: tuple[Any, ...]) -> Frame:
        """Return what Rust has read from memory."""
        *place, is_async = frame
        return cls(Place(*place), is_async)


def frames_of_step(frame: FrameType | None) -> list[Frame]:
    """Return the frames above the loop's, the innermost first."""
    frames = []
    while frame is not None and frame.f_code.co_filename != _LOOP:
        frames.append(frame)
        frame = frame.f_back
    # In one go, because the step may end as soon as we let it.
    return [Frame(Place.of_frame(frame), bool(frame.f_code.co_flags & _ASYNC)) for frame in frames]


class BlockingCall:
    """The call that blocks, with the calls around it up to the coroutine of the task."""

    def __init__(self, frames: list[Frame], cause: str, holds_interpreter: bool = False) -> None:
        self._cause = cause
        self._holds_interpreter = holds_interpreter
        self._places = [frame.place for frame in frames]
        self._is_async = [frame.is_async for frame in frames]
        own = (index for index, place in enumerate(self._places) if not is_installed(place.filename))
        self._index = next(own, 0)

    @property
    def is_ours(self) -> bool:
        """Whether it is the diagnosis itself that takes its time, to tell of another mistake."""
        return bool(self._places) and self._places[0].filename.startswith(_DIAGNOSIS)

    @property
    def place(self) -> Place | None:
        """The innermost line of the program itself; if there is none, of a library."""
        return self._places[self._index] if self._places else None

    @property
    def callers(self) -> tuple[tuple[Place, str], ...]:
        """The lines that led to it, from the nearest to the coroutine of the task."""
        around = self._places[self._index + 1 :][:_MOST_CALLERS]
        return tuple((place, "called here") for place in around if not is_installed(place.filename))

    @property
    def by(self) -> str:
        """What is called, for the middle of a sentence."""
        call = self._call(self._index)
        return "" if call is None else f" by {_shortened(ast.unparse(call.node))}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is known of the call."""
        notes = []
        if self._holds_interpreter:
            notes.append("the interpreter was held meanwhile: no other thread could run Python code")
        if self._index > 0:
            inner = self._places[0]
            notes.append(f"the time is spent in {inner.function}(), {inner.filename}:{inner.line}")
        return tuple(notes)

    @property
    def help(self) -> str:
        """What to write instead."""
        index = next((index for index in range(self._index, len(self._places)) if self._is_async[index]), self._index)
        call = self._call(index)
        if self._cause == "computing":
            return self._help_for_computing(call)
        if call is None:
            return "use an async way to do this, or `await asyncio.to_thread(…)`"
        callee = ast.unparse(call.node.func)
        if self._cause == "sleeping" and callee.rpartition(".")[2] == "sleep":
            return f"write `await asyncio.sleep({_arguments(call)})`"
        if "subprocess" in callee or self._cause == "waiting for a child process":
            return f"use `await asyncio.create_subprocess_exec(…)`, or write `{_in_thread(call)}`"
        if self._cause.startswith("waiting for a lock"):
            return f"use the lock, event or queue of asyncio, or write `{_in_thread(call)}`"
        return f"use an async library for this, or write `{_in_thread(call)}`"

    def _help_for_computing(self, call: Call | None) -> str:
        what = "a process pool" if call is None else f"a process pool: `{_in_executor(call)}`"
        if self._holds_interpreter:
            return f"compute in {what}; a thread would hold the interpreter as well"
        return f"compute in {what}; or in pieces, with `await asyncio.sleep(0)` between them"

    def _call(self, index: int) -> Call | None:
        """Find the call in the source that a frame is in."""
        if index >= len(self._places):
            return None
        place = self._places[index]
        calls = [call for call in calls_in(place.filename) if _is_at(call.node, place)]
        if place.column is None:
            return calls[0] if len(calls) == 1 else None
        exact = [call for call in calls if (call.node.col_offset, call.node.end_col_offset) == _columns(place)]
        return exact[0] if exact else None


def _is_at(node: ast.Call, place: Place) -> bool:
    return node.lineno == place.line and (place.end_line is None or node.end_lineno == place.end_line)


def _columns(place: Place) -> tuple[int | None, int | None]:
    return place.column, place.end_column


def _arguments(call: Call) -> str:
    keywords = [
        f"{keyword.arg}={ast.unparse(keyword.value)}" if keyword.arg else f"**{ast.unparse(keyword.value)}"
        for keyword in call.node.keywords
    ]
    return ", ".join([*map(ast.unparse, call.node.args), *keywords])


def _in_thread(call: Call) -> str:
    arguments = ", ".join(filter(None, [ast.unparse(call.node.func), _arguments(call)]))
    return f"await asyncio.to_thread({arguments})"


def _in_executor(call: Call) -> str:
    arguments = ", ".join(filter(None, ["pool", ast.unparse(call.node.func), _arguments(call)]))
    return f"await loop.run_in_executor({arguments})"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
