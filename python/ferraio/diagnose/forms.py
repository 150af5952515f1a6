"""The forms in which an `await` is forgotten: what became of the coroutine, and the line to write instead."""

from __future__ import annotations

import ast
from dataclasses import replace

from ferraio.diagnose import notebook
from ferraio.diagnose.finding import Place
from ferraio.diagnose.source import Call, method_column


def underlined(call: Call, place: Place) -> Place:
    """Return the place with the columns of the call; of a call over several lines, from the line of the place on."""
    node = call.node
    place = replace(place, function=call.place.function)
    if node.lineno == place.line:
        return replace(place, column=node.col_offset, end_line=node.end_lineno, end_column=node.end_col_offset)
    return replace(place, column=method_column(node), end_line=node.end_lineno, end_column=node.end_col_offset)


def what_became_of_it(call: Call) -> tuple[str, ...]:
    """Say in a note what the program did with the coroutine that the call made."""
    match call.parent:
        case (
            ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name))
            | ast.NamedExpr(target=ast.Name(id=name))
        ):
            return (f"`{name}` is the coroutine, not its result",)
        case ast.If() | ast.While() | ast.IfExp() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Assert():
            return ("a coroutine is always true",)
        case ast.Compare():
            return ("the coroutine was compared, not its result",)
        case ast.FormattedValue():
            return ("the text shows the coroutine, not its result",)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.ListComp() | ast.SetComp() | ast.DictComp():
            return ("what is in a collection is not awaited by it",)
        case ast.Call(func=func) if func is not call.node:
            return (f"`{ast.unparse(func)}` was given the coroutine, and nobody awaited it",)
        case ast.keyword():
            return ("it was passed on, and nobody awaited it",)
        case ast.Return():
            caller = call.function
            name = caller.name if isinstance(caller, ast.FunctionDef | ast.AsyncFunctionDef) else "the function"
            return (f"`{name}` returned it, and whoever called `{name}` did not await it",)
        case ast.Lambda():
            return ("the lambda returned it, and whoever called the lambda did not await it",)
    return ()


def what_to_write(call: Call) -> str:
    """Return the help: the very line to write."""
    text = ast.unparse(call.node)
    match call.parent:
        case ast.Return() if isinstance(call.function, ast.FunctionDef):
            return f"write `await` where `{call.function.name}` is called"
        case ast.Lambda():
            return f"write `lambda: asyncio.create_task({text})`, or give an async function to what awaits its result"
    line = _awaited_line(call) or f"await {text}"
    match call.function:
        case ast.AsyncFunctionDef():
            return f"write `{line}`"
        case ast.FunctionDef(name=name):
            return (
                f"make it `async def {name}` and write `{line}`, or give a running loop `asyncio.create_task({text})`"
            )
        case ast.Lambda():
            return f"a lambda cannot await: make it an `async def`, and write `await {text}` there"
    return f"write `{line}`" if notebook.awaits_at_module_level() else f"write `asyncio.run({text})`"


def _awaited_line(call: Call) -> str | None:
    """Return the line with the `await` where it belongs: around a collection, its members together."""
    match call.parent:
        case ast.List() | ast.Tuple() | ast.Set() as collection if _is_plain(collection):
            skip = 0 if isinstance(collection, ast.Tuple) and not _has_parentheses(collection, call) else 1
            return call.rewritten(collection, ("await asyncio.gather(", ")"), skip)
        case ast.ListComp() | ast.SetComp() as comprehension if comprehension.elt is call.node:
            return call.rewritten(comprehension, ("await asyncio.gather(*", ")"))
        case ast.Call(func=ast.Attribute(attr="run" | "run_until_complete")) as refused:
            # It was refused, because a loop runs already.
            return call.rewritten(refused, (f"await {ast.unparse(call.node)}", ""), None)
    return call.with_await()


def _is_plain(collection: ast.List | ast.Tuple | ast.Set) -> bool:
    return isinstance(getattr(collection, "ctx", ast.Load()), ast.Load) and all(
        isinstance(element, ast.Call) for element in collection.elts
    )


def _has_parentheses(node: ast.expr, call: Call) -> bool:
    return call.lines[node.lineno - 1].encode()[node.col_offset : node.col_offset + 1] == b"("
