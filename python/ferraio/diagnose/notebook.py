"""Notebooks and IPython: they show errors themselves, and run a loop of their own.

Nothing of IPython is imported: where a program runs in it, it is there already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any


def shell() -> Any:
    """Return the shell that runs the program; None outside of IPython."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython() if get_ipython is not None else None


def awaits_at_module_level() -> bool:
    """Tell whether the program is typed into IPython or asyncio's console, where `await` may stand anywhere."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return shell() is not None or (spec is not None and spec.name == "asyncio.__main__")


def is_of_the_shell(module: str) -> bool:
    """Tell whether a module is of what runs the cells."""
    return module.partition(".")[0] in ("IPython", "ipykernel")


def explain_errors(explain: Callable[[BaseException], None]) -> None:
    """Let the shell show errors as ever, but explained."""

    def show(
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> None:
        explain(error)
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    running = shell()
    if running is not None:
        running.set_custom_exc((Exception,), show)


def explain_no_more() -> None:
    """Let the shell show errors by itself."""
    running = shell()
    if running is not None:
        running.set_custom_exc((), None)
