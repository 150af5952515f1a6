"""Web servers under test, for `benches/echo_server.py`: each says hello to every GET."""

import asyncio
import contextlib
import socket


@contextlib.asynccontextmanager
async def uvicorn():
    """uvicorn with httptools, and an ASGI application."""
    from uvicorn import Config, Server

    async def application(scope, receive, send):
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"12")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"Hello, world"})

    config = Config(application, http="httptools", lifespan="off", access_log=False, log_level="critical")
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    with _listener() as listener:
        await server.startup(sockets=[listener])
        ticking = asyncio.create_task(server.main_loop())
        yield listener.getsockname()[1]
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listener])


@contextlib.asynccontextmanager
async def aiohttp():
    """aiohttp's web server."""
    from aiohttp import web

    async def hello(request):
        return web.Response(text="Hello, world")

    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    with _listener() as listener:
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
        await runner.cleanup()


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))
