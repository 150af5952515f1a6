"""The stub model server: `python -m ferraio.demo.model_server --port 0 --delay 0.05`.

It speaks the Anthropic Messages API and the OpenAI Chat Completions API over plain HTTP on 127.0.0.1, for any
model and any key. Its first line on stdout is its address. It ends when its stdin ends or when it is told to
(SIGTERM, Ctrl-C), so that it never outlives the program that started it. It runs on the stock asyncio loop,
whatever its clients run on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import threading
from collections.abc import Callable, Sequence

from .chat_completions_api import ChatCompletionsApi
from .http_server import Connection, EventStream, Reply
from .messages_api import MessagesApi
from .request_parser import BadRequest, Request

Answering = Callable[[Request], Reply | EventStream]


class ModelService:
    """Sends each request to the API it belongs to."""

    def __init__(self, delay: float, pause: float) -> None:
        self._messages = MessagesApi(delay, pause)
        self._completions = ChatCompletionsApi(delay, pause)
        self._routes: dict[str, dict[str, Answering]] = {
            "/v1/messages": {"POST": self._messages.create},
            "/v1/chat/completions": {"POST": self._completions.create},
            "/v1/models": {"GET": self._list_models, "HEAD": self._list_models},
        }

    def answer(self, request: Request) -> Reply | EventStream:
        """Answers a request."""
        methods = self._routes.get(request.path)
        if methods is None and request.path.startswith("/v1/models/"):
            methods = {"GET": self._retrieve_model, "HEAD": self._retrieve_model}
        if methods is None:
            raise BadRequest(404, f"Not found: {request.path}")
        answering = methods.get(request.method)
        if answering is not None:
            return answering(request)
        reply = self.refuse(BadRequest(405, f"{request.path} does not take {request.method}"), request)
        reply.headers = [*reply.headers, ("allow", ", ".join(methods))]
        return reply

    def refuse(self, problem: BadRequest, request: Request | None) -> Reply:
        """Puts a problem into the words of the API that was asked."""
        return self._api_of(request).refuse(problem)

    def _list_models(self, request: Request) -> Reply:
        return self._api_of(request).list_models(request)

    def _retrieve_model(self, request: Request) -> Reply:
        return self._api_of(request).retrieve_model(request, request.path.removeprefix("/v1/models/"))

    def _api_of(self, request: Request | None) -> MessagesApi | ChatCompletionsApi:
        """Tells the API by the path, and where both share it by the headers that only one of them has."""
        if request is None or request.path.startswith("/v1/messages"):
            return self._messages
        if request.path.startswith("/v1/chat/"):
            return self._completions
        theirs = "anthropic-version" in request.headers or "x-api-key" in request.headers
        return self._messages if theirs else self._completions


async def serve(port: int, delay: float, pause: float) -> None:
    """Serves until stdin ends or a signal comes."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    threading.Thread(target=_watch_stdin, args=(loop, ended), daemon=True).start()

    service = ModelService(delay, pause)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(service, connections), "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    host, bound_port = server.sockets[0].getsockname()
    print(f"http://{host}:{bound_port}", flush=True)
    await ended.wait()
    # A connection that is just being accepted is a task of the loop, and closing the server under it makes
    # asyncio print a traceback (its `Server._attach` asserts that the server is open).
    while accepting := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(accepting)
    server.close()
    for connection in tuple(connections):
        connection.abort()


def _watch_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Waits for the end of stdin, in a thread of its own: stdin may be a file, which no loop can watch."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:  # there is no stdin
        pass
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:  # the loop is closed: a signal was faster
        pass


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server from the command line."""
    parser = argparse.ArgumentParser(prog="python -m ferraio.demo.model_server", description="A stub model server.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one (default)")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds before an answer begins (default: 0.05)")
    parser.add_argument(
        "--token-delay", type=float, default=0.005, help="seconds between streamed events (default: 0.005)"
    )
    options = parser.parse_args(argv)
    try:
        asyncio.run(serve(options.port, max(0.0, options.delay), max(0.0, options.token_delay)))
    except OSError as problem:
        parser.exit(1, f"{parser.prog}: {problem}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
