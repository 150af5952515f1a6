"""What is noted of futures and exceptions: only what has to be the same on every loop."""

from asyncio import Task
from pathlib import Path

#: Where the frames are that count.
FILES = ("interpret.py", "operations.py")


def state_of(future):
    """Describe a future without touching it."""
    description = [future._state, future._asyncio_future_blocking, len(future._callbacks or ())]
    if isinstance(future, Task):
        description += [future.cancelling(), future._must_cancel, future._fut_waiter is None]
    if future.done():
        description += [describe(future._exception), future._log_traceback]
    return description


def describe(thing, depth=0):
    """Describe a value; of an exception also what it was chained to, and through which bodies it went."""
    if not isinstance(thing, BaseException):
        return thing
    if depth > 4:
        return "…"
    description = [type(thing).__name__, str(thing).split(" at 0x")[0]]
    if isinstance(thing, BaseExceptionGroup):
        description += [describe(error, depth + 1) for error in thing.exceptions]
    for name in ("__cause__", "__context__"):
        chained = getattr(thing, name)
        if chained is not None:
            description += [name, describe(chained, depth + 1)]
    if thing.__suppress_context__:
        description.append("suppressed")
    frames, traceback = [], thing.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if Path(code.co_filename).name in FILES:
            frames.append(f"{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return [*description, frames]
