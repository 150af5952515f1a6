"""FER011: a loop, future or task is used from another thread than the one that runs the loop.

asyncio raises an error in debug mode only. Otherwise the callback waits, unnoticed, until something else wakes the
loop, and what the two threads change at the same time breaks now and then.
"""

from __future__ import annotations

import ast
import linecache
import sys
import threading

from ferraio.diagnose import observer
from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.library import caller
from ferraio.diagnose.reporter import report


def start(settings) -> None:
    """Look for calls from other threads from now on."""
    observer.wrong_thread.add(_wrong_thread)


def stop() -> None:
    """Look for none any more."""
    observer.wrong_thread.remove(_wrong_thread)


def _wrong_thread(loop) -> None:
    place = caller(sys._getframe())
    call = None if place is None else _call_at(place)
    name = "the loop or a future of it" if call is None else f"{ast.unparse(call.func)}()"
    here, there = threading.current_thread().name, _name_of_thread(loop._thread_id)
    report(
        Finding(
            "FER011",
            f"{name} is used in thread {here!r}, while thread {there!r} runs the loop",
            place,
            notes=(
                "the loop may sleep on until something else wakes it, and both threads change it at the same time; "
                "only call_soon_threadsafe() and run_coroutine_threadsafe() may be called from another thread",
            ),
            help=_threadsafe(call),
        )
    )


def _name_of_thread(ident: int) -> str:
    return next((thread.name for thread in threading.enumerate() if thread.ident == ident), str(ident))


def _call_at(place: Place) -> ast.Call | None:
    """Return the call that is written at a place; None without its source."""
    if place.column is None or place.end_line is None:
        return None
    lines = [linecache.getline(place.filename, line).encode() for line in range(place.line, place.end_line + 1)]
    # Columns are counted in bytes.
    lines[-1] = lines[-1][: place.end_column]
    lines[0] = lines[0][place.column :]
    try:
        found = ast.parse(b"".join(lines).decode(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return found if isinstance(found, ast.Call) else None


def _threadsafe(call: ast.Call | None) -> str:
    """Return how the call is written so that another thread may do it."""
    if call is None or not isinstance(call.func, ast.Attribute):
        return "loop.call_soon_threadsafe(callback, *args)"
    owner, name = ast.unparse(call.func.value), call.func.attr
    arguments = [ast.unparse(each) for each in (*call.args, *call.keywords)]
    match name:
        case "call_soon":
            return f"{owner}.call_soon_threadsafe({', '.join(arguments)})"
        case "create_task" | "ensure_future":
            loop = owner if owner != "asyncio" else "loop"
            return f"asyncio.run_coroutine_threadsafe({', '.join(arguments[:1])}, {loop})"
        case "call_later" | "call_at":
            loop = owner
        case "set_result" | "set_exception" | "cancel" | "add_done_callback":
            loop = f"{owner}.get_loop()"
        case _:
            loop = "loop"
    return f"{loop}.call_soon_threadsafe({', '.join([ast.unparse(call.func), *arguments])})"
