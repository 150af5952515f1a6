"""TLS: asyncio's own protocol and transport, with their hot halves in Rust.

What is rare is asyncio's code of the running Python: handshake, shutdown, timeouts. What happens for each message is
Rust, which drives OpenSSL itself once the handshake is done, where it can (see `_ferraio.TlsProtocol`).
"""

import ssl
import sys
from asyncio import sslproto, streams

from ferraio import _ferraio

# The class of the standard library, whatever its name is bound to later.
_StreamReaderProtocol = streams.StreamReaderProtocol


class _SizeOnceBegun:
    """asyncio's `max_size`, which is 0 at first: so that its `__init__` makes no buffer of that size.

    Only a transport that is not ours needs one, and gets it from `get_buffer()`.
    """

    def __init__(self, size):
        self._size = size

    def __get__(self, protocol, _):
        return self._size if protocol is None or protocol._loop is not None else 0


class SSLProtocol(_ferraio.TlsProtocol, sslproto.SSLProtocol):
    """Between the transport below and the program: `asyncio.sslproto.SSLProtocol`."""

    max_size = _SizeOnceBegun(sslproto.SSLProtocol.max_size)

    def _get_app_transport(self):
        if self._app_transport is None:
            if self._app_transport_created:
                raise RuntimeError("Creating _SSLProtocolTransport twice")
            self._app_transport = SSLTransport(self._loop, self)
            self._app_transport_created = True
        return self._app_transport

    def connection_lost(self, exc):
        """Tell the program that the connection is over."""
        self._forget()
        super().connection_lost(exc)


class SSLTransport(_ferraio.TlsTransport, sslproto._SSLProtocolTransport):
    """The transport that a program with TLS sees.

    See https://docs.python.org/3/library/asyncio-protocol.html#transports
    """

    # The finaliser of the Rust class, which has nothing to say, must not hide the one that warns of what is not closed.
    __del__ = sslproto._SSLProtocolTransport.__del__


async def start_tls(
    loop,
    transport,
    protocol,
    sslcontext,
    *,
    server_side=False,
    server_hostname=None,
    ssl_handshake_timeout=None,
    ssl_shutdown_timeout=None,
):
    """Put TLS between a transport and its protocol; return the transport that the protocol is to use from then on."""
    if not isinstance(sslcontext, ssl.SSLContext):
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
    if not getattr(transport, "_start_tls_compatible", False):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    handshake = loop.create_future()
    tls = SSLProtocol(
        loop,
        protocol,
        sslcontext,
        handshake,
        server_side,
        server_hostname,
        ssl_handshake_timeout=ssl_handshake_timeout,
        ssl_shutdown_timeout=ssl_shutdown_timeout,
        call_connection_made=False,
    )
    # Nothing may be received before the protocol knows of its transport.
    transport.pause_reading()
    if server_side and sys.version_info >= (3, 14):
        _move_received(protocol, tls)
    transport.set_protocol(tls)
    begin = loop.call_soon(tls.connection_made, transport)
    go_on = loop.call_soon(transport.resume_reading)
    try:
        await handshake
    except BaseException:
        transport.close()
        begin.cancel()
        go_on.cancel()
        raise
    finally:
        # The exception in it refers to this frame.
        del handshake
    return tls._app_transport


def _move_received(protocol, tls):
    """Take what a stream has received already: the client has begun its handshake."""
    if not isinstance(protocol, _StreamReaderProtocol):
        return
    reader = protocol._stream_reader
    if reader is not None and reader._buffer:
        tls._incoming.write(reader._buffer)
        reader._buffer.clear()
