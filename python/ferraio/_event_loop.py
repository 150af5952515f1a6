"""The event loop that users see: the Rust loop, over asyncio's own loop for Unix.

The Rust class comes first, so what is hot is Rust; what is cold is the code of the running Python. Here is only what
has to differ from it: there is no selector, the pipe for signals is made when it is first needed, and look-ups of names
have threads of their own.
"""

import asyncio
import concurrent.futures
import selectors
import socket
import sys
import threading
import weakref
from asyncio import constants, sslproto

from ferraio import _cold as _cold  # not needed here: it keeps the names of the standard library as they are now
from ferraio import _ferraio
from ferraio._processes import Children, watches_by_pidfd
from ferraio._transports import (
    DatagramTransport,
    ReadPipeTransport,
    SocketTransport,
    WritePipeTransport,
    accepts_plainly,
    bypasses,
    bypasses_datagrams,
)

if sslproto.ssl is not None:
    from ferraio import _tls


class _Watches:
    """Stands where asyncio's loop keeps its selector: shows what the Rust loop watches, and to whom."""

    def __init__(self, loop):
        self._loop = weakref.ref(loop)

    def close(self):
        """Do nothing: the Rust loop closes its own."""

    def get_map(self):
        """Return a new dict: from the number of each fd that is watched to its `selectors.SelectorKey`."""
        loop = self._loop()
        watches = () if loop is None else loop._watches()
        return {fd: selectors.SelectorKey(fd, fd, events, handles) for fd, events, handles in watches}

    def get_key(self, fileobj):
        """Return the `selectors.SelectorKey` of an fd or file object; raise KeyError if it is not watched."""
        return self.get_map()[fileobj if isinstance(fileobj, int) else fileobj.fileno()]


#: How many names are looked up at the same time.
_RESOLVER_THREADS = 8


# The class of the standard library, whatever its name is bound to later.
_StandardLoop = asyncio.SelectorEventLoop


class EventLoop(_ferraio.EventLoop, _StandardLoop):
    """The event loop of ferraio: a drop-in for `asyncio.SelectorEventLoop`.

    See https://docs.python.org/3/library/asyncio-eventloop.html
    """

    # What asyncio's __init__ sets on every loop has slots here, so that the instance's dict stays unmade until somebody
    # sets an attribute of their own: the interpreter finds methods faster in an object without one.
    __slots__ = (
        "_asyncgens",
        "_asyncgens_shutdown_called",
        "_children",
        "_clock_resolution",
        "_coroutine_origin_tracking_enabled",
        "_coroutine_origin_tracking_saved_depth",
        "_csock",
        "_default_executor",
        "_exception_handler",
        "_executor_shutdown_called",
        "_internal_fds",
        "_old_agen_hooks",
        "_resolver",
        "_selector",
        "_signal_handlers",
        "_ssock",
        "_timer_cancelled_count",
        "_unix_server_sockets",
        "_watcher",
    )

    def __init__(self):
        _ferraio.EventLoop.__init__(self)
        self._children = None
        self._resolver = None
        self._ssock = self._csock = None
        _StandardLoop.__init__(self, _Watches(self))

    # The finaliser of the Rust class, which has nothing to say, must not hide the one that warns of an unclosed loop.
    def __del__(self, _standard_del=_StandardLoop.__del__, _is_finalizing=sys.is_finalizing):
        try:
            _standard_del(self)
        except AttributeError:
            # At the end of the process modules are emptied before the last objects go, asyncio's as well.
            if not _is_finalizing():
                raise
            self._release()

    # Running.

    # nest_asyncio looks for this before it replaces a loop's methods. Ours nests by itself, see `run_until_complete`.
    _nest_patched = True

    def run_until_complete(self, future):
        """Run until a future is done, and return its result or raise its exception.

        In a loop that runs already this is a RuntimeError, unless nest_asyncio was applied.
        """
        if hasattr(asyncio, "_nest_patched") and asyncio.events._get_running_loop() is self:
            return self._run_within_a_run(future)
        return super().run_until_complete(future)

    def _run_within_a_run(self, future):
        """Run turns in the middle of one, until a future is done. A stop() on the way ends the run around this one."""
        self._check_closed()
        given, future = future, asyncio.ensure_future(future, loop=self)
        if future is not given:
            # An exception that leaves this run is to be told, not that its task is pending.
            future._log_destroy_pending = False
        stopped = self._stopping
        try:
            while not future.done():
                self._stopping = False
                self._run_once()
                stopped = stopped or self._stopping
        finally:
            self._stopping = stopped
        return future.result()

    def run_forever(self):
        """Run until stop() is called."""
        old_hooks = self._begin_running()
        try:
            self._run_turns()
        finally:
            self._end_running(old_hooks)

    if hasattr(asyncio.BaseEventLoop, "_run_forever_setup"):

        def _begin_running(self):
            self._check_closed()
            self._check_running()
            self._run_forever_setup()

        def _end_running(self, _):
            self._run_forever_cleanup()

    else:

        def _begin_running(self):
            self._check_closed()
            self._check_running()
            self._set_coroutine_origin_tracking(self._debug)
            old_hooks = sys.get_asyncgen_hooks()
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
            asyncio.events._set_running_loop(self)
            return old_hooks

        def _end_running(self, old_hooks):
            self._stopping = False
            self._thread_id = None
            asyncio.events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*old_hooks)

    def close(self):
        """Close the loop: what is scheduled is dropped, the executors are shut down without waiting.

        Raises RuntimeError if the loop is running. A closed loop may be closed again.
        """
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        if self._observed:
            from ferraio.diagnose import observer

            observer.loop_closes(self)
        resolver, self._resolver = self._resolver, None
        if resolver is not None:
            resolver.shutdown(wait=False)
        super().close()
        if self._children is not None:
            self._children.forget()
        self._release()

    # Transports.

    def _start_serving(self, protocol_factory, sock, sslcontext=None, server=None, backlog=100, *options, context=None):
        if context is not None:
            options = (*options, context)
        arguments = (protocol_factory, sock, sslcontext, server, backlog, *options)
        if sslcontext is not None or not accepts_plainly(sock):
            return super()._start_serving(*arguments)
        context = options[2] if len(options) > 2 else None  # from 3.15 on
        acceptor = _ferraio.Acceptor(self, arguments, context)
        return self._add_reader(sock.fileno(), acceptor.accept)

    def _make_socket_transport(self, sock, protocol, waiter=None, **options):
        if bypasses(sock):
            return self._make_own_transport(sock, protocol, waiter, **options)
        return super()._make_socket_transport(sock, protocol, waiter, **options)

    def _make_own_transport(self, sock, protocol, waiter=None, *, extra=None, server=None, context=None):
        self._ensure_fd_no_transport(sock)
        return SocketTransport(self, sock, protocol, waiter, extra, server, context)

    def _make_ssl_transport(self, rawsock, *args, **options):
        if sslproto.ssl is not None and bypasses(rawsock):
            return self._make_own_ssl_transport(rawsock, *args, **options)
        return super()._make_ssl_transport(rawsock, *args, **options)

    def _make_own_ssl_transport(
        self,
        rawsock,
        protocol,
        sslcontext,
        waiter=None,
        *,
        server_side=False,
        server_hostname=None,
        extra=None,
        server=None,
        ssl_handshake_timeout=constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout=constants.SSL_SHUTDOWN_TIMEOUT,
        context=None,
    ):
        ssl_protocol = _tls.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._make_own_transport(rawsock, ssl_protocol, extra=extra, server=server, context=context)
        return ssl_protocol._app_transport

    async def start_tls(self, transport, protocol, sslcontext, **options):
        """Put TLS between a transport and its protocol; see `asyncio.loop.start_tls`."""
        if sslproto.ssl is None:
            return await super().start_tls(transport, protocol, sslcontext, **options)
        return await _tls.start_tls(self, transport, protocol, sslcontext, **options)

    def _make_datagram_transport(self, sock, protocol, address=None, waiter=None, extra=None):
        if bypasses_datagrams(sock):
            self._ensure_fd_no_transport(sock)
            return DatagramTransport(self, sock, protocol, address, waiter, extra)
        return super()._make_datagram_transport(sock, protocol, address, waiter, extra)

    def _make_read_pipe_transport(self, pipe, protocol, waiter=None, extra=None):
        return ReadPipeTransport(self, pipe, protocol, waiter, extra)

    def _make_write_pipe_transport(self, pipe, protocol, waiter=None, extra=None):
        return WritePipeTransport(self, pipe, protocol, waiter, extra)

    # Child processes.

    async def _make_subprocess_transport(self, protocol, *arguments, **options):
        if not watches_by_pidfd(self):
            return await super()._make_subprocess_transport(protocol, *arguments, **options)
        if self._children is None:
            self._children = Children(self)
        return await self._children.start(protocol, *arguments, **options)

    # Signals: a socket pair that is made when the first handler is added.

    def _make_self_pipe(self):
        pass

    def _close_self_pipe(self):
        if self._ssock is not None:
            super()._close_self_pipe()

    def add_signal_handler(self, sig, callback, *args):
        """Call a callback when the process gets a signal; see `asyncio.loop.add_signal_handler`."""
        if self._ssock is None and not self.is_closed():
            super()._make_self_pipe()
        super().add_signal_handler(sig, callback, *args)

    # Names.

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        """Look up an address in a thread of the loop's own resolver pool.

        The pool is not the default executor: one that is full of other work does not keep names from being found.
        """
        look_up = self._getaddrinfo_debug if self._debug else socket.getaddrinfo
        return await self.run_in_executor(self._resolver_pool(), look_up, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr, flags=0):
        """Look up the name of an address, in the same pool."""
        return await self.run_in_executor(self._resolver_pool(), socket.getnameinfo, sockaddr, flags)

    def _resolver_pool(self):
        if self._resolver is None:
            self._check_closed()
            self._resolver = concurrent.futures.ThreadPoolExecutor(_RESOLVER_THREADS, "ferraio-resolver")
        return self._resolver
