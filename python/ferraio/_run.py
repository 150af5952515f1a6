"""Running one coroutine on a loop of ferraio, as `asyncio.run` does on asyncio's.

`asyncio.Runner` does the work, so that Ctrl-C, cleaning up and every message are those of the running Python;
we only give it the loop, and see to it that asyncio's names are ours meanwhile.
"""

from __future__ import annotations

import asyncio

from ferraio import _diagnosing, _install
from ferraio._event_loop import EventLoop

TYPE_CHECKING = False  # as in `typing`, which newer versions of asyncio do not import, so neither do we
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, TypeVar

    _Result = TypeVar("_Result")


def new_event_loop() -> EventLoop:
    """Return a new event loop of ferraio: the loop factory for `asyncio.run` and `asyncio.Runner`."""
    return EventLoop()


def run(
    main: Coroutine[Any, Any, _Result],
    *,
    debug: bool | None = None,
    install: bool = True,
    diagnose: str | None = None,
) -> _Result:
    """Run the coroutine on a new loop of ferraio, close the loop, and return the result.

    This is `asyncio.run` on ferraio: it cannot be called while a loop runs in this thread, ends what the
    coroutine left behind, and turns Ctrl-C into cancellation first. For as long as it runs, asyncio's names
    are ferraio's (`asyncio.gather` is `ferraio.gather`, see `install`); with ``install=False`` they stay as
    they are.

    `diagnose` says how mistakes are reported: ``hint`` shows them on stderr, with ``strict`` those that are
    errors raise `ferraio.diagnose.FindingsError` at the end, ``log`` makes records of `logging`, ``off`` is
    silent; settings can follow, as in ``hint,slow=0.05``. None leaves it to the variable FERRAIO, and without
    that to ``log``.
    """
    begun = _diagnosing.begin(diagnose)
    try:
        result = _run_installed(main, debug) if install else _run(main, debug)
    except BaseException as error:
        _diagnosing.explain(error)
        _diagnosing.end(begun, complain=False)
        raise
    _diagnosing.end(begun, complain=True)
    return result


def _run_installed(main: Coroutine[Any, Any, _Result], debug: bool | None) -> _Result:
    _install.begin_run()
    try:
        return _run(main, debug)
    finally:
        _install.end_run()


def _run(main: Coroutine[Any, Any, _Result], debug: bool | None) -> _Result:
    if asyncio._get_running_loop() is not None:
        # The words of asyncio.run, because this is what stands in for it; a Runner alone would name itself.
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
