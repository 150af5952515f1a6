"""What the source of a program says about a call: where it stands, what becomes of its result, what to write instead.

Everything here is asked after a mistake was found, never before, and may come to nothing: the source can be gone, be
changed, or never have been in a file.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ferraio.diagnose.finding import Place
from ferraio.diagnose.library import LOOPS

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Call:
    """A call in the source of a program."""

    place: Place
    node: ast.Call
    #: The nodes around it, the innermost first, the module last.
    around: tuple[ast.AST, ...]
    lines: tuple[str, ...]

    @property
    def parent(self) -> ast.AST:
        """The node that gets the result."""
        return self.around[0]

    @property
    def callee(self) -> str:
        """What is called, as the program writes it."""
        return ast.unparse(self.node.func)

    @property
    def function(self) -> _Function | None:
        """The function or lambda whose body it is in; None in a module or a class."""
        for node, inner in zip(self.around, (self.node, *self.around), strict=False):
            if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
                # Decorators and defaults are evaluated outside.
                return node if inner is node.body or (isinstance(node.body, list) and inner in node.body) else None
            if isinstance(node, ast.ClassDef):
                return None
        return None

    @property
    def first_argument(self) -> str | None:
        """The first argument, as the program writes it."""
        return ast.unparse(self.node.args[0]) if self.node.args else None

    @property
    def awaited(self) -> bool:
        """Whether there is an `await` right in front of it."""
        return isinstance(self.parent, ast.Await)

    def with_await(self) -> str | None:
        """Return its line with the `await` that is missing."""
        needs_parentheses = isinstance(self.parent, ast.Attribute | ast.Subscript) or (
            isinstance(self.parent, ast.Call) and self.parent.func is self.node
        )
        return self.rewritten(self.node, ("(await ", ")") if needs_parentheses else ("await ", ""))

    def replaced(self, text: str) -> str:
        """Return its line with something else in its place; where it has several lines, that alone."""
        return self.rewritten(self.node, (text, ""), None) or text

    def rewritten(self, node: ast.expr, around: tuple[str, str], skip: int | None = 0) -> str | None:
        """Return the line of a node with something around it, without `skip` characters at its ends, or all of it."""
        if node.lineno != node.end_lineno or node.end_col_offset is None or node.lineno > len(self.lines):
            return None
        line = self.lines[node.lineno - 1].encode()
        start, end = node.col_offset, node.end_col_offset
        inside = b"" if skip is None else line[start + skip : end - skip]
        before, after = line[:start].decode(), line[end:].decode()
        if "'" not in after and '"' not in after:
            after = after.partition("#")[0]
        return (before + around[0] + inside.decode() + around[1] + after).strip()


def find_call(filename: str, line: int, name: str, column: int | None = None) -> Call | None:
    """Find the call of something named `name` that stands on a line; None where that cannot be told.

    When several fit, it is the first without an `await`. What is called under another name is found when it is the only
    call there.
    """
    calls = [call for call in calls_in(filename) if _line_of(call) == line]
    named = [call for call in calls if _name_of(call.node.func) == name]
    # At the column there may be what dropped the result, too: a call that was given it.
    at_column = [call for call in named or calls if call.node.col_offset == column]
    open_calls = [call for call in at_column or named or calls if not call.awaited]
    return open_calls[0] if (named and open_calls) or len(open_calls) == 1 else None


def call_at(place: Place) -> Call | None:
    """Find the call that a place with columns is."""
    spot = place.line, place.column, place.end_line, place.end_column
    for call in calls_in(place.filename):
        node = call.node
        if spot in (
            (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset),
            (_line_of(call), method_column(node), node.end_lineno, node.end_col_offset),
        ):
            return call
    return None


def text_at(place: Place) -> str:
    """Return the text that a place with columns covers, or its lines; empty without a source."""
    lines = [
        line.encode() for line in linecache.getlines(place.filename)[place.line - 1 : place.end_line or place.line]
    ]
    if lines and place.column is not None and place.end_column is not None:
        lines[-1] = lines[-1][: place.end_column]
        lines[0] = lines[0][place.column :]
    return b"".join(lines).decode(errors="replace")


def is_of_a_loop(filename: str) -> bool:
    """Tell whether a file is asyncio's or ferraio's own."""
    return filename.startswith(LOOPS)


def calls_in(filename: str) -> tuple[Call, ...]:
    """Return all calls of a file in the order of their lines; none when it cannot be read."""
    try:
        return _calls(tuple(linecache.getlines(filename)), filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


@lru_cache(maxsize=4)
def _calls(lines: tuple[str, ...], filename: str) -> tuple[Call, ...]:
    tree = ast.parse("".join(lines))
    return tuple(
        sorted(
            (
                Call(_place_of(node, around, filename), node, around, lines)
                for node, around in _walk(tree, ())
                if isinstance(node, ast.Call)
            ),
            key=lambda call: (call.node.lineno, call.node.col_offset),
        )
    )


def _walk(node: ast.AST, around: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield node, around
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (node, *around))


def _place_of(node: ast.Call, around: tuple[ast.AST, ...], filename: str) -> Place:
    return Place(filename, node.lineno, _qualified(around), node.col_offset, node.end_lineno, node.end_col_offset)


def _qualified(around: tuple[ast.AST, ...]) -> str:
    """Return the name that the innermost function has as its `__qualname__`."""
    name = ""
    for node in reversed(around):
        if isinstance(node, ast.ClassDef):
            name += f"{node.name}."
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name += f"{node.name}.<locals>."
    return name.removesuffix(".").removesuffix(".<locals>") or "<module>"


def _line_of(call: Call) -> int:
    """Return the line that Python gives a call: of a method over several lines it is the line of the method's name."""
    func = call.node.func
    return func.end_lineno or func.lineno if isinstance(func, ast.Attribute) else call.node.lineno


def method_column(node: ast.Call) -> int:
    """Return where the name of a method begins; of other calls, where they begin."""
    func = node.func
    if isinstance(func, ast.Attribute) and func.end_col_offset is not None:
        return func.end_col_offset - len(func.attr.encode())
    return node.col_offset


def _name_of(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
