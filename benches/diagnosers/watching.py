"""Runs a program under one of the tools that know nothing of ferraio.

`python -m benches.diagnosers.watching TOOL PROGRAM THRESHOLD`, the threshold in seconds, or `-` for that of the tool.

Each tool is used as its own documentation says, around the main coroutine of the program, with all it has that can see
a mistake of the corpus switched on. A tool that measures time gets the threshold of the program, or else keeps its own.
The import of a tool is in its function, so that only the tool that is wanted is imported.
"""

import asyncio
import contextlib
import runpy
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager


@contextlib.asynccontextmanager
async def blockbuster(slow: float | None, files: set[str]) -> AsyncIterator[None]:
    """Knows no threshold: it raises at every call that may block."""
    from blockbuster import blockbuster_ctx

    with blockbuster_ctx():
        yield


@contextlib.asynccontextmanager
async def aiocop(slow: float | None, files: set[str]) -> AsyncIterator[None]:
    import aiocop

    def report(event: aiocop.SlowTaskEvent) -> None:
        # Calls that do not exceed the threshold are events, too; they are no reports of a blocked loop.
        if event.exceeded_threshold:
            print(f"aiocop: {event.reason}, {event.elapsed_ms:.0f} ms", file=sys.stderr)
            for each in (*event.blocking_events, *event.cpu_stack_samples):
                print(f"aiocop: {each.get('event', '')} at {each['trace']}", file=sys.stderr)

    if not getattr(aiocop, "is_set_up_here", False):
        aiocop.is_set_up_here = True
        aiocop.patch_audit_functions()
        aiocop.start_blocking_io_detection()
        aiocop.detect_slow_tasks(**_threshold("threshold_ms", slow and round(slow * 1000)), on_slow_task=report)
    aiocop.activate()
    # What runs already is not watched: let the program begin in a step that is.
    await asyncio.sleep(0)
    yield
    aiocop.deactivate()


@contextlib.asynccontextmanager
async def pyleak(slow: float | None, files: set[str], creation_tracking: bool = False) -> AsyncIterator[None]:
    from pyleak import no_event_loop_blocking, no_task_leaks
    from pyleak.utils import CallerContext

    caller = CallerContext(filename=min(files), name="main", files=files)
    # The order that its own pytest plugin has; the interval is also the plugin's.
    async with (
        no_task_leaks(action="log", enable_creation_tracking=creation_tracking),
        no_event_loop_blocking(
            action="log", check_interval=0.01, caller_context=caller, **_threshold("threshold", slow)
        ),
    ):
        # Its thread has to begin before the loop can be blocked.
        await asyncio.sleep(0.02)
        yield


def pyleak_with_tracking(slow: float | None, files: set[str]) -> AbstractAsyncContextManager[None]:
    """The same, and it notes where tasks are made: for that it switches asyncio's debug mode on."""
    return pyleak(slow, files, creation_tracking=True)


@contextlib.asynccontextmanager
async def asynclens(slow: float | None, files: set[str]) -> AsyncIterator[None]:
    import logging

    from asynclens import AsyncWatchdog

    logging.basicConfig(format="%(name)s: %(message)s")
    async with AsyncWatchdog(**_threshold("threshold_ms", slow and round(slow * 1000))):
        # It counts from its first heartbeat.
        await asyncio.sleep(0.02)
        yield


WATCHING: dict[str, Callable[[float | None, set[str]], AbstractAsyncContextManager[None]]] = {
    "blockbuster": blockbuster,
    "aiocop": aiocop,
    "pyleak": pyleak,
    "pyleak_with_tracking": pyleak_with_tracking,
    "asynclens": asynclens,
}


def _threshold(name: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {name: value}


def set_threshold_of_debug_mode(slow: float) -> None:
    """asyncio's debug mode, which PYTHONASYNCIODEBUG has switched on, has its threshold in each loop."""
    make = asyncio.BaseEventLoop.__init__

    def make_with_threshold(self, *arguments):
        make(self, *arguments)
        self.slow_callback_duration = slow

    asyncio.BaseEventLoop.__init__ = make_with_threshold


def watch_every_run(program: str, watch: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """From now on, a coroutine of the program that a loop is run with is run in the context manager."""

    async def watched(coroutine):
        async with watch():
            return await coroutine

    def is_of_the_program(main) -> bool:
        # Not `loop.shutdown_asyncgens()` and its like, which end a run.
        return asyncio.iscoroutine(main) and main.cr_code.co_filename == program

    def wrap(function):
        def run(self, main, **arguments):
            return function(self, watched(main) if is_of_the_program(main) else main, **arguments)

        return run

    # `asyncio.run` leads to the first, which gives a task to the second.
    asyncio.Runner.run = wrap(asyncio.Runner.run)
    asyncio.BaseEventLoop.run_until_complete = wrap(asyncio.BaseEventLoop.run_until_complete)


def main() -> None:
    tool, program, threshold = sys.argv[1:]
    sys.argv[:] = [program]
    slow = float(threshold) if threshold != "-" else None
    if tool != "debug_mode":
        watch_every_run(program, lambda: WATCHING[tool](slow, {program}))
    elif slow is not None:
        set_threshold_of_debug_mode(slow)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
