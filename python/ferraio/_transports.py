"""The transports that users see: the Rust halves, in classes with a `__dict__` and weak references.

Sockets that send and receive in a way of their own get asyncio's transport, which calls their methods.
"""

import functools
import socket
from asyncio import constants, transports

from ferraio import _ferraio


class SocketTransport(_ferraio.SocketTransport):
    """The transport of a stream socket: `asyncio.Transport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#transports
    """

    max_size = 256 * 1024  # how much is received at once; for who looks at it, as in asyncio

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE


class DatagramTransport(_ferraio.DatagramTransport, transports.DatagramTransport):
    """The transport of a datagram socket: `asyncio.DatagramTransport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#datagram-transports
    """

    max_size = 256 * 1024  # how long a datagram may be; for who looks at it, as in asyncio


class ReadPipeTransport(_ferraio.ReadPipeTransport):
    """The transport of the end of a pipe that is read: `asyncio.ReadTransport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#read-only-transports
    """

    max_size = 256 * 1024  # how much is read at once; for who looks at it, as in asyncio


class WritePipeTransport(_ferraio.WritePipeTransport):
    """The transport of the end of a pipe that is written: `asyncio.WriteTransport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#write-only-transports
    """


#: The methods of a socket in whose place the Rust halves make system calls.
_STREAM_METHODS = ("recv", "recv_into", "send", "sendmsg", "shutdown")
_DATAGRAM_METHODS = ("recvfrom", "send", "sendto")


def bypasses(sock):
    """Return whether the Rust half may take the place of the socket's own methods: nobody has changed them."""
    return _has_original(type(sock), _STREAM_METHODS)


def bypasses_datagrams(sock):
    """Return the same for the transport of datagrams."""
    return _has_original(type(sock), _DATAGRAM_METHODS)


def accepts_plainly(sock, original=socket.socket):
    """Return whether the socket's own `accept` may be bypassed: nobody has changed it."""
    return isinstance(sock, original) and type(sock).accept is original.accept


@functools.cache
def _has_original(cls, methods, original=socket.socket):
    return issubclass(cls, original) and all(getattr(cls, name) is getattr(original, name) for name in methods)
