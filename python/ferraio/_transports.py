"""The transport that users see: the Rust half, in a class with a `__dict__` and weak references.

Sockets that send and receive in a way of their own get asyncio's transport, which calls their methods.
"""

import functools
import socket
from asyncio import constants

from ferraio import _ferraio


class SocketTransport(_ferraio.SocketTransport):
    """The transport of a stream socket: `asyncio.Transport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#transports
    """

    max_size = 256 * 1024  # how much is received at once; for who looks at it, as in asyncio

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE


#: The methods of a socket in whose place the Rust half makes system calls.
_BYPASSED = ("recv", "recv_into", "send", "sendmsg", "shutdown")


def bypasses(sock):
    """Return whether the Rust half may take the place of the socket's own methods: nobody has changed them."""
    return _has_original_methods(type(sock))


@functools.cache
def _has_original_methods(cls, original=socket.socket):
    return issubclass(cls, original) and all(getattr(cls, name) is getattr(original, name) for name in _BYPASSED)
