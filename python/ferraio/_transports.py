"""The transport that users see: the Rust half, in a class with a `__dict__` and weak references."""

from asyncio import constants

from ferraio import _ferraio


class SocketTransport(_ferraio.SocketTransport):
    """The transport of a stream socket: `asyncio.Transport` in Rust.

    See https://docs.python.org/3/library/asyncio-protocol.html#transports
    """

    max_size = 256 * 1024  # how much is received at once; for who looks at it, as in asyncio

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE
