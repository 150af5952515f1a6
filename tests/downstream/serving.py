"""Serves an ASGI application with uvicorn on the running loop."""

import asyncio
import socket
from contextlib import asynccontextmanager

import uvicorn


@asynccontextmanager
async def serving(app, **options):
    """Serves on a free port of the loopback until the block ends; yields the server and its port.

    Its socket listens from the beginning, so nobody has to wait for it.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
