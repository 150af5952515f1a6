"""FER004: a loop is run where one runs already: `asyncio.run()` in a coroutine, or in what a coroutine calls."""

from __future__ import annotations

import inspect
import re
from types import TracebackType

from ferraio.diagnose import notebook
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
    place = Place.of_step(steps[-1])
    call = call_at(place)
    argument = call.first_argument if call is not None else None
    coroutines = [step for step in steps if step.tb_frame.f_code.co_flags & inspect.CO_COROUTINE]
    notes = ["the loop that runs here can do nothing else until this call returns, so it cannot run another loop"]
    related: tuple[tuple[Place, str], ...] = ()
    if code.co_flags & inspect.CO_COROUTINE:
        help_ = f"write `{call.replaced(f'await {argument}')}`" if call and argument else "write `await` instead"
    elif coroutines:
        caller = coroutines[-1]
        where = Place.of_step(caller)
        related = ((where, f"called by the coroutine {where.function}()"),)
        help_ = (
            f"make `{code.co_name}` an `async def` that awaits, or call it in a thread: "
            f"`await asyncio.to_thread({code.co_name})`"
        )
    elif notebook.awaits_at_module_level():
        notes = [f"a {'notebook' if notebook.shell() is not None else 'console'} runs a loop of its own"]
        help_ = f"write `await {argument or 'main()'}`"
        if not code.co_name.startswith("<"):
            help_ = f"make it `async def {code.co_name}`, {help_} in it, and await what it returns"
    else:
        help_ = f"start a task instead: `asyncio.create_task({argument or 'main()'})`"
    name = call.callee if call is not None else _called(str(error))
    return Finding("FER004", f"{name}() was called while a loop runs", place, tuple(notes), help_, task, related)


def _called(text: str) -> str:
    """Return what was called, as the error says, for where there is no source; only some texts say it."""
    name, says_so, _ = text.partition("() cannot be called")
    return name if says_so else "run_until_complete"
