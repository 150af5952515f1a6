"""FER003: `await` outside of an async function, which Python does not compile."""

from __future__ import annotations

import ast
import linecache
import re
from types import TracebackType

from ferraio.diagnose.finding import Finding, Place

_TEXTS = re.compile(
    r"'(?P<word>await|async with|async for)' outside (async )?function|"
    r"asynchronous comprehension outside of an asynchronous function"
)


def explain(error: BaseException, steps: list[TracebackType], task: str | None) -> Finding | None:
    """Name the function that has to be async."""
    if not isinstance(error, SyntaxError) or error.filename is None or error.lineno is None:
        return None
    text = _TEXTS.match(error.msg or "")
    if text is None:
        return None
    word = text["word"] or "an asynchronous comprehension"
    lines = linecache.getlines(error.filename) or (error.text or "").splitlines(keepends=True)
    column = None if error.offset is None else error.offset - 1
    end_column = None if error.end_offset is None else error.end_offset - 1
    place = Place(error.filename, error.lineno, "", column, error.end_lineno, end_column)
    function = _function_around("".join(lines), error.lineno)
    if function is None:
        return Finding(
            "FER003",
            f"`{word}` stands outside of any function" if text["word"] else f"{word} stands outside of any function",
            place,
            help="put it into `async def main():` and run that with `asyncio.run(main())`",
        )
    if isinstance(function, ast.Lambda):
        return Finding("FER003", "a lambda cannot await", place, help="make it an `async def` with a name")
    definition = Place(error.filename, function.lineno, function.name, function.col_offset)
    header = lines[function.lineno - 1].strip()
    return Finding(
        "FER003",
        f"`{function.name}` is not async, so there can be no {word} in it"
        if not text["word"]
        else f"`{function.name}` is not async, so it cannot use `{word}`",
        place,
        help=f"write `async {header}`, and `await` where `{function.name}` is called",
        related=((definition, "this has to be an `async def`"),),
    )


def _function_around(source: str, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
    """Return the innermost function around a line; None if there is none, or the source is not to be understood."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)
