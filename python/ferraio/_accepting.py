"""Accepting connections on the sockets of a server.

asyncio makes a task for each connection, in which the protocol is made and the transport waits until the protocol
knows of it. A transport of ours has nothing to wait for, so here the protocol is made at once, in a context of its own,
and a connection costs no task. What is unusual (TLS, debug mode, sockets with an `accept` of their own, errors) goes
asyncio's way.
"""

import contextvars
import socket

from ferraio._transports import SocketTransport

#: For how long no more connections are accepted at once than the last time there were.
_PATIENCE = 16

#: Says that an fd does not block already; where it is missing, the socket has to be told.
_NONBLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)


def accepts_plainly(sock, original=socket.socket):
    """Return whether the socket's own `accept` may be bypassed: nobody has changed it."""
    return isinstance(sock, original) and type(sock).accept is original.accept


class Acceptor:
    """What the loop calls when a listening socket has connections."""

    __slots__ = ("_arguments", "_at_once", "_context", "_kind", "_loop", "_patience")

    def __init__(self, loop, protocol_factory, sock, server, backlog, options, context):
        self._loop = loop
        # What asyncio's own way takes; the context of the server is the last of it, where there is one (3.15+).
        self._arguments = (protocol_factory, sock, None, server, backlog, *options)
        if context is not None:
            self._arguments += (context,)
        self._context = context
        self._kind = (int(sock.family), int(sock.type) | _NONBLOCKING, sock.proto)
        self._at_once = 1
        self._patience = 0

    def __repr__(self):
        return f"<Acceptor of {self._arguments[3]!r}>"

    def __call__(self):
        """Accept as many connections as came the last time, and now and then some more; no more than the backlog.

        To ask for one more than there are costs a system call, and so does to ask the loop again.
        """
        loop = self._loop
        _, sock, _, _, backlog, *_ = self._arguments
        if loop.get_debug():
            return loop._accept_connection(*self._arguments)
        most = self._at_once
        for accepted in range(most):
            fd = sock.fileno()
            if fd < 0:  # the server was closed by the protocol before
                return None
            try:
                found = loop._accept(fd)
            except ConnectionAbortedError:
                continue
            except OSError:
                return loop._accept_connection(*self._arguments)  # which meets the same error
            if found is None:
                self._at_once = max(accepted, 1)
                self._patience = _PATIENCE
                return None
            context = contextvars.copy_context() if self._context is None else self._context.copy()
            context.run(self._connect, *found, context)
        if self._patience:
            self._patience -= 1
        else:
            self._at_once = min(2 * most, backlog + 1)
        return None

    def _connect(self, fd, address, context):
        conn = socket.socket(*self._kind, fd)
        if not _NONBLOCKING:
            conn.setblocking(False)
        extra = {"peername": conn.getpeername() if address is None else address}
        protocol_factory, _, _, server, *_ = self._arguments
        given = None if self._context is None else context
        try:
            SocketTransport(self._loop, conn, protocol_factory(), None, extra, server, given)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # As in asyncio, who wants to know why has to turn on debug mode.
            conn.close()
