"""The FastAPI application of `test_uvicorn.py`, in this process and in others."""

import asyncio
import gc
import threading

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()


class Signals:
    """What a test and a request running in the same process tell each other; each test makes its own."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()


signals: Signals | None = None


@app.get("/double/{number}")
async def double(number: int):
    """Answers at once."""
    return {"is": 2 * number}


@app.get("/in-a-thread")
def in_a_thread():
    """Runs in a thread, since it is not async."""
    return {"in": threading.current_thread().name.partition("-")[0].strip() or "nowhere"}


@app.get("/when-told")
async def when_told():
    """Answers when the test lets it."""
    signals.begun.set()
    await signals.go_on.wait()
    return {"finished": True}


@app.get("/background")
async def background(tasks: BackgroundTasks):
    """Leaves something to do for later."""
    tasks.add_task(_note)
    return {"accepted": True}


@app.get("/loop")
async def loop():
    """Says what it runs on."""
    kind = type(asyncio.get_running_loop())
    return {"module": kind.__module__, "name": kind.__name__}


@app.get("/until-told-to-end")
async def until_told_to_end():
    """A reply that ends only after the server was told to end."""

    async def pieces():
        yield b"begun, "
        (server,) = (each for each in gc.get_objects() if isinstance(each, uvicorn.Server))
        while not server.should_exit:
            await asyncio.sleep(0)
        yield b"finished"

    return StreamingResponse(pieces())


def stopping(server) -> bool:
    """Whether a uvicorn server has closed its sockets."""
    return not any(each.is_serving() for each in server.servers)


async def _note():
    signals.begun.set()
