"""FER004: a loop is run where one runs already: `asyncio.run()` in a coroutine, or in what a coroutine calls."""

from __future__ import annotations

import inspect
import re
import sys
from types import TracebackType

from ferraio.diagnose.finding import Finding, Place
from ferraio.diagnose.source import call_at, is_of_a_loop

_TEXTS = re.compile(
    r"asyncio\.run\(\) cannot be called from a running event loop|"
    r"Runner\.run\(\) cannot be called from a running event loop|"
    r"This event loop is already running|"
    r"Cannot run the event loop while another loop is running"
)


def explain(error: BaseException, steps: list[TracebackType], task: str | None) -> Finding | None:
    """Say which call it is, in which task, and what to write instead."""
    if not isinstance(error, RuntimeError) or not _TEXTS.match(str(error)):
        return None
    steps = [step for step in steps if not is_of_a_loop(step.tb_frame.f_code.co_filename)]
    if not steps:
        return None
    code = steps[-1].tb_frame.f_code
    place = Place.of_code(code, steps[-1].tb_lasti, steps[-1].tb_lineno)
    call = call_at(place)
    argument = call.first_argument if call is not None else None
    coroutines = [step for step in steps if step.tb_frame.f_code.co_flags & inspect.CO_COROUTINE]
    notes = ["the loop that runs here can do nothing else until this call returns, so it cannot run another loop"]
    related: tuple[tuple[Place, str], ...] = ()
    if code.co_flags & inspect.CO_COROUTINE:
        help_ = f"write `{call.replaced(f'await {argument}')}`" if call and argument else "write `await` instead"
    elif coroutines:
        caller = coroutines[-1]
        where = Place.of_code(caller.tb_frame.f_code, caller.tb_lasti, caller.tb_lineno)
        related = ((where, f"called by the coroutine {where.function}()"),)
        help_ = (
            f"make `{code.co_name}` an `async def` that awaits, or call it in a thread: "
            f"`await asyncio.to_thread({code.co_name})`"
        )
    elif _in_notebook():
        notes = ["a notebook runs a loop of its own"]
        help_ = f"write `await {argument or 'main()'}`"
    else:
        help_ = f"start a task instead: `asyncio.create_task({argument or 'main()'})`"
    name = call.callee if call is not None else "run_until_complete"
    return Finding("FER004", f"{name}() was called while a loop runs", place, tuple(notes), help_, task, related)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None
