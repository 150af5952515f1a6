"""An HTTP/1.1 server on asyncio's public API: one `Connection` protocol for each client.

Requests of a connection are answered one after another, in the order they came. What the service wants to say
is data (`Reply` or `EventStream`), and when to say it is a number of seconds in it; the connection turns that
into timers and writes, with no task for each request, so that the server takes little of the processor from
the client it serves.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from .request_parser import BadRequest, Request, RequestParser

#: While a reply is on its way, so much of what the client already sent is kept before we stop reading.
_READ_AHEAD = 64 * 1024
#: Before we close we read on for a few seconds: closing with unread bytes would destroy the reply.
_LINGER = 2.0

logger = logging.getLogger("ferraio.demo")


@dataclass(slots=True)
class Reply:
    """A reply that is sent whole, `delay` seconds after its request."""

    body: bytes
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    delay: float = 0.0


@dataclass(slots=True)
class EventStream:
    """A reply of server-sent events: the first after `delay` seconds, `pause` seconds between any two."""

    events: Sequence[bytes]
    headers: Sequence[tuple[str, str]] = ()
    delay: float = 0.0
    pause: float = 0.0


class Service(Protocol):
    """What a server needs to know to answer."""

    def answer(self, request: Request) -> Reply | EventStream:
        """Answers a request; may raise `BadRequest`."""
        ...

    def refuse(self, problem: BadRequest, request: Request | None) -> Reply:
        """Puts a problem into words; the request is None when not even its head could be read."""
        ...


class Connection(asyncio.Protocol):
    """Serves one client, until it has gone or asks to end."""

    def __init__(self, service: Service, open_connections: set[Connection]) -> None:
        self._service = service
        self._open_connections = open_connections
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser()
        self._transport: asyncio.Transport
        #: The request that is being answered, None between requests.
        self._current: Request | None = None
        self._timer: asyncio.TimerHandle | None = None
        #: Whether `_serve` is running, perhaps below us.
        self._serving = False
        #: The event stream that is being sent with pauses.
        self._stream: _StreamPosition | None = None
        self._peer_is_slow = False
        self._peer_has_finished = False
        self._discarding = False

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    # What the transport tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_connections.discard(self)
        self._discarding = True
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        self._parser.feed(data)
        if self._current is None and not self._peer_is_slow:
            self._serve()
        elif self._parser.buffered > _READ_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._peer_has_finished = True
        if self._discarding or (self._current is None and not self._peer_is_slow):
            self._transport.close()
        return True  # the replies that are owed are still written

    def pause_writing(self) -> None:
        self._peer_is_slow = True

    def resume_writing(self) -> None:
        self._peer_is_slow = False
        if self._stream is None:
            self._serve()
        elif self._timer is None:
            self._wait_for_next_event(self._stream)

    # From request to reply.

    def _serve(self) -> None:
        """Answers what has arrived, until a reply has to wait or a request is incomplete."""
        if self._serving:  # a reply that ended at once: the loop below goes on
            return
        self._serving = True
        while self._current is None and not self._peer_is_slow and not self._discarding:
            try:
                request = self._parser.next_request()
            except BadRequest as problem:
                self._refuse_and_close(problem)
                break
            if request is None:
                self._wait_for_more()
                break
            self._current = request
            self._begin_reply(request)
        self._serving = False

    def _wait_for_more(self) -> None:
        if self._peer_has_finished:
            self._transport.close()
            return
        if self._parser.take_wish_to_continue():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._transport.resume_reading()

    def _begin_reply(self, request: Request) -> None:
        try:
            reply = self._service.answer(request)
        except BadRequest as problem:
            reply = self._service.refuse(problem, request)
        except Exception:
            logger.exception("the service failed to answer %s %s", request.method, request.path)
            reply = self._service.refuse(BadRequest(500, "Internal server error"), request)
        if reply.delay > 0:
            self._timer = self._loop.call_later(reply.delay, self._send, request, reply)
        else:
            self._send(request, reply)

    def _send(self, request: Request, reply: Reply | EventStream) -> None:
        self._timer = None
        if isinstance(reply, EventStream):
            self._begin_stream(request, reply)
            return
        head = _head_of_reply(reply, request.keep_alive)
        self._transport.write(head if request.method == "HEAD" else head + reply.body)
        self._end_reply(request)

    def _begin_stream(self, request: Request, reply: EventStream) -> None:
        chunked = request.understands_chunks
        if not chunked:
            request.keep_alive = False  # the end of the connection is then the end of the body
        head = _head_of_stream(reply, chunked, request.keep_alive)
        if reply.pause > 0:
            self._stream = _StreamPosition(reply, chunked, self._loop.time())
            self._send_next_event(head)
        else:
            events = b"".join([_framed(event, chunked) for event in reply.events])
            self._transport.write(head + events + _end(chunked))
            self._end_reply(request)

    def _send_next_event(self, head: bytes = b"") -> None:
        self._timer = None
        stream = self._stream
        assert stream is not None and self._current is not None
        self._transport.write(head + stream.take_next())
        if stream.finished:
            self._stream = None
            self._end_reply(self._current)
        elif not self._peer_is_slow:  # otherwise `resume_writing` goes on
            self._wait_for_next_event(stream)

    def _wait_for_next_event(self, stream: _StreamPosition) -> None:
        self._timer = self._loop.call_at(stream.due, self._send_next_event)

    def _end_reply(self, request: Request) -> None:
        self._current = None
        if request.keep_alive:
            self._serve()
        else:
            self._close_after_reply()

    def _refuse_and_close(self, problem: BadRequest) -> None:
        reply = self._service.refuse(problem, self._parser.begun)
        self._transport.write(_head_of_reply(reply, keep_alive=False) + reply.body)
        self._close_after_reply()

    def _close_after_reply(self) -> None:
        self._discarding = True
        if self._peer_has_finished:
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._timer = self._loop.call_later(_LINGER, self._transport.close)


class _StreamPosition:
    """How far an event stream has been sent, and when its next event is `due`."""

    def __init__(self, reply: EventStream, chunked: bool, now: float) -> None:
        self._reply = reply
        self._chunked = chunked
        self._sent = 0
        self.due = now

    @property
    def finished(self) -> bool:
        """Says whether everything has been taken."""
        return self._sent == len(self._reply.events)

    def take_next(self) -> bytes:
        """Gives the bytes of the next event, and of the end if it is the last."""
        framed = _framed(self._reply.events[self._sent], self._chunked)
        self._sent += 1
        # Counted from when this event was due, not from now: one late event does not delay all that follow.
        self.due += self._reply.pause
        return framed + _end(self._chunked) if self.finished else framed


def _framed(event: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event) if chunked else event


def _end(chunked: bool) -> bytes:
    return b"0\r\n\r\n" if chunked else b""


def _head_of_reply(reply: Reply, keep_alive: bool) -> bytes:
    fields = f"content-type: application/json\r\ncontent-length: {len(reply.body)}\r\n"
    return _head(reply.status, reply.headers, fields, keep_alive)


def _head_of_stream(reply: EventStream, chunked: bool, keep_alive: bool) -> bytes:
    fields = "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    if chunked:
        fields += "transfer-encoding: chunked\r\n"
    return _head(200, reply.headers, fields, keep_alive)


def _head(status: int, headers: Sequence[tuple[str, str]], fields: str, keep_alive: bool) -> bytes:
    own = "".join([f"{name}: {value}\r\n" for name, value in headers])
    end = "\r\n" if keep_alive else "connection: close\r\n\r\n"
    return f"{_STATUS_LINES[status]}{_date_line()}{fields}{own}{end}".encode("latin-1")


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_dated = (0, "")


def _date_line() -> str:
    """Gives the Date header, made anew once in a second."""
    global _dated
    second = int(time.time())
    if _dated[0] != second:
        _dated = (second, f"date: {formatdate(second, usegmt=True)}\r\n")
    return _dated[1]
