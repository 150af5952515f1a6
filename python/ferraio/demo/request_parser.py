"""HTTP/1.1 requests out of bytes, however they were cut on their way.

`RequestParser` does no input or output: `feed` it what arrived, then ask for the `next_request` until it
answers None. It reads bodies with a Content-Length and chunked ones, one request behind another (pipelining),
and refuses what is malformed or too large with a `BadRequest`. After that the connection has no future:
nobody knows where the next request begins. Section numbers below are those of RFC 9112.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 32 * 1024 * 1024
_LARGEST_CHUNK_LINE = 4096

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_HEADER_LINE = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00\r\n]*?)[ \t]*")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?")
_DIGITS = re.compile(r"[0-9]+")


class BadRequest(Exception):
    """Tells that a request cannot be served, with the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case; a header sent twice has its values joined by commas."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    #: False for HTTP/1.0, which has no chunked bodies.
    understands_chunks: bool


class RequestParser:
    """Collects the bytes of one connection and cuts them into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        #: The request whose head is complete and whose body is not.
        self._begun: Request | None = None
        self._body: _CountedBody | _ChunkedBody = _CountedBody(0)
        self._asked_to_continue = False

    def feed(self, data: bytes) -> None:
        """Adds bytes that arrived."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Says how many bytes wait to be read."""
        return len(self._buffer)

    @property
    def begun(self) -> Request | None:
        """Gives the request whose body is still on its way, for error replies."""
        return self._begun

    def next_request(self) -> Request | None:
        """Takes the next whole request, or None if more bytes are needed."""
        if self._begun is None:
            self._begin()
        request = self._begun
        if request is None:
            return None
        body = self._body.take(self._buffer)
        if body is None:
            return None
        request.body = body
        self._begun = None
        self._asked_to_continue = False
        return request

    def take_wish_to_continue(self) -> bool:
        """Says, once for each request, that the peer sends its body only after `100 Continue`."""
        wish, self._asked_to_continue = self._asked_to_continue, False
        return wish

    def _begin(self) -> None:
        head = self._take_head()
        if head is None:
            return
        request = _read_head(head)
        self._begun = request
        self._body = _body_of(request)
        self._asked_to_continue = request.headers.get("expect", "").lower() == "100-continue"

    def _take_head(self) -> bytes | None:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):  # section 2.2: empty lines before a request are to be ignored
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end > LARGEST_HEAD or (end < 0 and len(buffer) > LARGEST_HEAD):
            raise BadRequest(431, f"request header is larger than {LARGEST_HEAD} bytes")
        if end < 0:
            newline = buffer.find(b"\n")
            if newline >= 0 and buffer[newline - 1 : newline] != b"\r":
                raise BadRequest(400, "a line of the request header does not end with CR LF")
            return None
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        return head


def _read_head(head: bytes) -> Request:
    first, *lines = head.split(b"\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    if request_line is None:
        raise BadRequest(400, "malformed request line")
    method, target, major, minor = request_line.groups()
    if major != b"1":
        raise BadRequest(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")

    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER_LINE.fullmatch(line)
        if header is None:
            raise BadRequest(400, "malformed header line")
        name = header[1].decode("ascii").lower()
        value = header[2].decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value

    modern = minor != b"0"
    if modern and "host" not in headers:  # section 3.2
        raise BadRequest(400, "a request of HTTP/1.1 needs a Host header")
    connection = headers.get("connection", "").lower().replace(" ", "").split(",")
    keep_alive = modern and "close" not in connection
    return Request(method.decode("ascii"), _path_of(target.decode("ascii")), headers, b"", keep_alive, modern)


def _path_of(target: str) -> str:
    if target.startswith("/"):
        return target.partition("?")[0]
    try:
        return urlsplit(target).path or "/"  # section 3.2.2: the absolute form is to be accepted
    except ValueError:
        raise BadRequest(400, "malformed request target") from None


def _body_of(request: Request) -> _CountedBody | _ChunkedBody:
    encoding = request.headers.get("transfer-encoding")
    length = request.headers.get("content-length")
    if encoding is not None:
        # Section 6.3: both together are how requests are smuggled past a proxy.
        if length is not None or not request.understands_chunks:
            raise BadRequest(400, "Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0")
        if encoding.lower() != "chunked":
            raise BadRequest(501, f"transfer encoding {encoding!r} is not spoken here")
        return _ChunkedBody()
    if length is None:
        return _CountedBody(0)
    if _DIGITS.fullmatch(length) is None:
        raise BadRequest(400, "malformed Content-Length")
    significant = length.lstrip("0")
    if len(significant) > 18 or int(significant or "0") > LARGEST_BODY:
        raise _body_too_large()
    return _CountedBody(int(significant or "0"))


def _body_too_large() -> BadRequest:
    return BadRequest(413, f"request body is larger than {LARGEST_BODY} bytes")


class _CountedBody(NamedTuple):
    """A body whose length is known."""

    length: int

    def take(self, buffer: bytearray) -> bytes | None:
        """Takes the body off the buffer, or gives None and leaves the buffer until it is whole."""
        if len(buffer) < self.length:
            return None
        body = bytes(buffer[: self.length])
        del buffer[: self.length]
        return body


class _ChunkedBody:
    """A body that comes in chunks, each with its size before it (section 7.1)."""

    def __init__(self) -> None:
        self._joined = bytearray()
        #: The size of the chunk that comes next, None when its size line is still to be read.
        self._size: int | None = None
        self._in_trailers = False
        self._trailer_bytes = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """Takes whole chunks off the buffer; gives the body when the last one and the trailers were there."""
        while not self._in_trailers:
            if self._size is None and not self._read_size(buffer):
                return None
            if self._size is not None and not self._read_chunk(buffer, self._size):
                return None
        while (line := _take_line(buffer)) is not None:
            if not line:
                return bytes(self._joined)
            self._trailer_bytes += len(line)
            if self._trailer_bytes > LARGEST_HEAD:
                raise BadRequest(431, f"request trailers are larger than {LARGEST_HEAD} bytes")
        return None

    def _read_size(self, buffer: bytearray) -> bool:
        line = _take_line(buffer)
        if line is None:
            return False
        size_line = _CHUNK_LINE.fullmatch(line)
        if size_line is None:
            raise BadRequest(400, "malformed chunk size")
        size = int(size_line[1], 16)
        if len(self._joined) + size > LARGEST_BODY:
            raise _body_too_large()
        self._in_trailers = size == 0
        self._size = size or None
        return True

    def _read_chunk(self, buffer: bytearray, size: int) -> bool:
        if len(buffer) < size + 2:
            return False
        if buffer[size : size + 2] != b"\r\n":
            raise BadRequest(400, "a chunk is not as long as its size line says")
        self._joined += buffer[:size]
        del buffer[: size + 2]
        self._size = None
        return True


def _take_line(buffer: bytearray) -> bytes | None:
    end = buffer.find(b"\r\n", 0, _LARGEST_CHUNK_LINE)
    if end < 0:
        if len(buffer) >= _LARGEST_CHUNK_LINE:
            raise BadRequest(400, "a line of the chunked body is too long")
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    return line
