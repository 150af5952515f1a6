"""The types of the Rust half.

Futures, tasks, handles and the transport have the methods of asyncio's classes, which they derive from or claim to be;
so only what is not in asyncio's stubs is here. Of the names with an underscore there are those that asyncio's Python
code, or ours, reads and writes.
"""

import asyncio
import socket
import sys
import weakref
from asyncio import gather as gather
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from contextvars import Context
from traceback import StackSummary
from types import CodeType, TracebackType
from typing import Any, Generic, Literal, NoReturn, Self, TypeAlias, TypeVar, TypeVarTuple, overload, type_check_only

from _typeshed import ReadableBuffer, WriteableBuffer
from typing_extensions import disjoint_base

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Result_co = TypeVar("_Result_co", covariant=True)
_Arguments = TypeVarTuple("_Arguments")

__version__: str

# --- the event loop

@disjoint_base
class EventLoop:
    """What runs often in an event loop; `ferraio.EventLoop` adds the rest from asyncio's own."""

    slow_callback_duration: float
    _debug: bool
    _closed: bool
    _stopping: bool
    _thread_id: int | None
    _observed: bool
    _next_look: float
    def _begin_to_be_watched(self) -> None: ...
    _task_factory: Callable[..., asyncio.Future[Any]] | None
    _transports: weakref.WeakValueDictionary[int, asyncio.Transport]

    def __init__(self) -> None: ...
    def time(self) -> float: ...
    def get_debug(self) -> bool: ...
    def is_running(self) -> bool: ...
    def is_closed(self) -> bool: ...
    def stop(self) -> None: ...
    def call_soon(
        self,
        callback: Callable[[*_Arguments], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> Handle: ...
    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Arguments], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> Handle: ...
    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Arguments], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> TimerHandle: ...
    def call_at(
        self,
        when: float,
        callback: Callable[[*_Arguments], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> TimerHandle: ...
    def create_future(self) -> Future[Any]: ...
    def create_task(
        self,
        coro: Generator[Any, None, _Result] | Coroutine[Any, Any, _Result],
        *,
        name: object = None,
        context: Context | None = None,
        **kwargs: Any,
    ) -> Task[_Result]: ...
    async def sock_recv(self, sock: socket.socket, n: int) -> bytes: ...
    async def sock_recv_into(self, sock: socket.socket, buf: WriteableBuffer) -> int: ...
    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]: ...
    async def sock_recvfrom_into(
        self, sock: socket.socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, Any]: ...
    async def sock_sendall(self, sock: socket.socket, data: ReadableBuffer) -> None: ...
    async def sock_sendto(self, sock: socket.socket, data: ReadableBuffer, address: Any) -> int: ...
    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]: ...
    def _add_reader(self, fd: Any, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> asyncio.Handle: ...
    def _add_writer(self, fd: Any, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> asyncio.Handle: ...
    def _remove_reader(self, fd: Any, /) -> bool: ...
    def _remove_writer(self, fd: Any, /) -> bool: ...
    def _run_once(self) -> None: ...
    def _run_turns(self) -> None: ...
    def _release(self) -> None: ...
    def _write_to_self(self) -> None: ...
    def _watches(self) -> list[tuple[int, int, tuple[Any, Any]]]: ...

# --- handles, futures, tasks

@disjoint_base
class Handle(asyncio.Handle): ...

@disjoint_base
class TimerHandle(asyncio.TimerHandle):
    def __lt__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __le__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __gt__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __ge__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@disjoint_base
class Future(asyncio.Future[_Result]):
    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None: ...
    _cancel_message: Any
    @property
    def _result(self) -> _Result | None: ...
    @property
    def _source_traceback(self) -> StackSummary | None: ...
    if sys.version_info >= (3, 14):
        @property
        def _asyncio_awaited_by(self) -> set[asyncio.Future[Any]] | None: ...

    def _make_cancelled_error(self) -> asyncio.CancelledError: ...

@disjoint_base
class Task(asyncio.Task[_Result_co]):
    _must_cancel: bool
    _log_destroy_pending: bool
    @property
    def _coro(self) -> Any: ...
    @property
    def _context(self) -> Context: ...
    @property
    def _fut_waiter(self) -> asyncio.Future[Any] | None: ...

@disjoint_base
class FutureIter(Generator[Any, Any, _Result_co]):
    """What `Future.__await__` returns."""

    def __iter__(self) -> FutureIter[_Result_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self, typ: type[BaseException] | BaseException, val: object = None, tb: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...

@disjoint_base
class _WaitingFuture(Future[None]):
    """What `wait(fs)` waits for: that enough of several futures are done."""

    def child_done(self, child: asyncio.Future[Any], /) -> None: ...
    def time_is_over(self) -> None: ...
    def leave(
        self, futures: Iterable[asyncio.Future[_Item]], /
    ) -> tuple[set[asyncio.Future[_Item]], set[asyncio.Future[_Item]]]: ...

# --- what is awaited once, like asyncio's coroutines

@type_check_only
class _Awaitable(Coroutine[Any, Any, _Result_co]):
    __name__: str
    __qualname__: str
    @property
    def cr_await(self) -> Any: ...
    @property
    def cr_origin(self) -> None: ...
    _call_site: tuple[CodeType, int] | None
    @property
    def cr_running(self) -> bool: ...
    def __await__(self) -> Generator[Any, Any, _Result_co]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self, typ: type[BaseException] | BaseException, val: object = None, tb: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...

@disjoint_base
class AsyncCall(_Awaitable[_Result_co]):
    """What `Lock.acquire`, `Queue.get` and their kin return."""

    @property
    def _owner(self) -> Any: ...
    @property
    def cr_code(self) -> None: ...
    @property
    def cr_frame(self) -> None: ...

@disjoint_base
class Sleep(_Awaitable[_Result_co]):
    """What `sleep` returns."""

    @property
    def cr_code(self) -> None: ...
    @property
    def cr_frame(self) -> None: ...

@disjoint_base
class SocketOperation(_Awaitable[_Result_co]):
    """What `EventLoop.sock_recv` and its kin return."""

@overload
def sleep(delay: float) -> Sleep[None]: ...
@overload
def sleep(delay: float, result: _Result) -> Sleep[_Result]: ...

# --- groups and time limits

@disjoint_base
class TaskGroup:
    """What happens per child of a task group; `ferraio.TaskGroup` adds the rest from asyncio's own."""

    _entered: bool
    _exiting: bool
    _aborting: bool
    _loop: asyncio.AbstractEventLoop | None
    _tasks: set[asyncio.Task[Any]]
    _parent_task: asyncio.Task[Any] | None
    _on_completed_fut: asyncio.Future[Any] | None

    def create_task(
        self,
        coro: Generator[Any, None, _Result] | Coroutine[Any, Any, _Result],
        *,
        name: str | None = None,
        context: Context | None = None,
        **kwargs: Any,
    ) -> Task[_Result]: ...

@disjoint_base
class Timeout:
    """A time limit that is not reached; `ferraio.Timeout` adds the rest from asyncio's own."""

    _state: Any
    _cancelling: int
    _when: float | None
    _timeout_handler: asyncio.Handle | None
    _task: asyncio.Task[Any] | None

    def __init__(self, when: float | None) -> None: ...
    def when(self) -> float | None: ...
    def reschedule(self, when: float | None) -> None: ...
    def expired(self) -> bool: ...
    def __aenter__(self) -> AsyncCall[Self]: ...
    def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None, /
    ) -> AsyncCall[None]: ...

def timeout(delay: float | None) -> asyncio.Timeout: ...
def timeout_at(when: float | None) -> asyncio.Timeout: ...

# --- locks, events, semaphores, queues

@disjoint_base
class Lock:
    """What happens often with a lock; `ferraio.Lock` adds the rest from asyncio's own."""

    _locked: bool
    _waiters: deque[asyncio.Future[Any]] | None
    _holders: list[Any] | None
    _loop: asyncio.AbstractEventLoop | None

    def locked(self) -> bool: ...
    async def acquire(self) -> Literal[True]: ...
    def release(self) -> None: ...
    def __aenter__(self) -> AsyncCall[None]: ...
    def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> AsyncCall[None]: ...

@disjoint_base
class Event:
    """What happens often with an event; `ferraio.Event` adds the rest from asyncio's own."""

    _value: bool
    _waiters: deque[asyncio.Future[Any]]
    _loop: asyncio.AbstractEventLoop | None

    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    async def wait(self) -> Literal[True]: ...

@disjoint_base
class Semaphore:
    """What happens often with a semaphore; `ferraio.Semaphore` adds the rest from asyncio's own."""

    _value: int
    _bound_value: int
    _waiters: deque[asyncio.Future[Any]] | None
    _holders: list[Any] | None
    _loop: asyncio.AbstractEventLoop | None

    def locked(self) -> bool: ...
    async def acquire(self) -> Literal[True]: ...
    def release(self) -> None: ...
    def __aenter__(self) -> AsyncCall[None]: ...
    def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> AsyncCall[None]: ...

@disjoint_base
class Queue(Generic[_Item]):
    """What happens often with a queue; `ferraio.Queue` adds the rest from asyncio's own."""

    _queue: Any  # a deque, a list, or what a subclass makes in `_init`
    _maxsize: int
    _getters: deque[asyncio.Future[Any]]
    _putters: deque[asyncio.Future[Any]]
    _unfinished_tasks: int
    _finished: asyncio.Event
    _loop: asyncio.AbstractEventLoop | None
    if sys.version_info >= (3, 13):
        _is_shutdown: bool

    def __init__(self, maxsize: int = 0) -> None: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    async def put(self, item: _Item) -> None: ...
    def put_nowait(self, item: _Item) -> None: ...
    async def get(self) -> _Item: ...
    def get_nowait(self) -> _Item: ...
    def task_done(self) -> None: ...

# --- the transports

@disjoint_base
class Acceptor:
    """What the loop calls when a listening socket has connections."""

    def __init__(self, loop: EventLoop, arguments: tuple[Any, ...], context: Context | None) -> None: ...
    def accept(self) -> None: ...

@type_check_only
class _Endpoint(_FlowControlMixin):
    """What the transports of all sockets have in common."""

    _extra: dict[str, Any]

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...
    @property
    def _sock(self) -> socket.socket | None: ...
    @property
    def _sock_fd(self) -> int: ...
    @property
    def _protocol(self) -> asyncio.BaseProtocol | None: ...
    @property
    def _closing(self) -> bool: ...
    @property
    def _conn_lost(self) -> int: ...
    @property
    def _paused(self) -> bool: ...
    def _start_reading(self) -> None: ...
    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None: ...
    def _force_close(self, exc: BaseException | None, /) -> None: ...

@disjoint_base
class SocketTransport(_Endpoint):
    """The transport of a stream socket; its public methods are those of `asyncio.Transport`."""

    def __init__(
        self,
        loop: EventLoop,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        server: asyncio.AbstractServer | None = None,
        context: Context | None = None,
    ) -> None: ...
    def write(self, data: bytes | bytearray | memoryview[Any]) -> None: ...
    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None: ...
    @property
    def _server(self) -> asyncio.AbstractServer | None: ...
    @property
    def _eof(self) -> bool: ...
    def _make_empty_waiter(self) -> asyncio.Future[None]: ...
    def _reset_empty_waiter(self) -> None: ...

@disjoint_base
class DatagramTransport(_Endpoint):
    """The transport of a datagram socket; its public methods are those of `asyncio.DatagramTransport`."""

    def __init__(
        self,
        loop: EventLoop,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        address: Any = None,
        waiter: asyncio.Future[Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None: ...
    def sendto(self, data: bytes | bytearray | memoryview[Any], addr: Any = None) -> None: ...
    @property
    def _address(self) -> Any: ...

@type_check_only
class _PipeEnd:
    """What the transports of both ends of a pipe have in common."""

    _extra: dict[str, Any]
    _pipe: Any

    def __init__(
        self,
        loop: EventLoop,
        pipe: Any,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None: ...
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...
    @property
    def _fileno(self) -> int: ...
    @property
    def _protocol(self) -> asyncio.BaseProtocol | None: ...
    @property
    def _closing(self) -> bool: ...
    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on pipe transport") -> None: ...

@disjoint_base
class ReadPipeTransport(_PipeEnd, asyncio.ReadTransport):
    """The transport of the end of a pipe that is read; its public methods are those of `asyncio.ReadTransport`."""

    @property
    def _paused(self) -> bool: ...

@disjoint_base
class WritePipeTransport(_PipeEnd, _FlowControlMixin):
    """The transport of the end of a pipe that is written; its public methods are those of `asyncio.WriteTransport`."""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None: ...
    @property
    def _conn_lost(self) -> int: ...
    @property
    def _buffer(self) -> bytearray: ...

# --- streams

@disjoint_base
class StreamReader:
    """What happens often with a reader; `ferraio._streams.StreamReader` adds the rest from asyncio's own."""

    _buffer: bytearray
    _eof: bool
    _exception: BaseException | None
    _limit: int
    _loop: asyncio.AbstractEventLoop | None
    _paused: bool
    _transport: asyncio.BaseTransport | None
    _waiter: asyncio.Future[None] | None

    def feed_data(self, data: ReadableBuffer) -> None: ...
    async def read(self, n: int = -1) -> bytes: ...
    async def readexactly(self, n: int) -> bytes: ...
    async def readline(self) -> bytes: ...

@disjoint_base
class StreamReaderProtocol:
    """What happens often with the protocol of a stream; `ferraio._streams` adds the rest from asyncio's own."""

    _connection_lost: bool
    _paused: bool
    _stream_reader_wr: weakref.ref[asyncio.StreamReader] | None

    def data_received(self, data: bytes, /) -> None: ...

@disjoint_base
class StreamWriter:
    """What happens often with a writer; `ferraio._streams.StreamWriter` adds the rest from asyncio's own."""

    _loop: asyncio.AbstractEventLoop
    _protocol: asyncio.BaseProtocol
    _reader: asyncio.StreamReader | None
    _transport: asyncio.WriteTransport

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None: ...
    async def drain(self) -> None: ...

# --- TLS

@disjoint_base
class TlsProtocol:
    """What happens for each message; `ferraio._tls.SSLProtocol` adds the rest from asyncio's own."""

    _loop: asyncio.AbstractEventLoop
    _app_protocol: asyncio.BaseProtocol | None
    _transport: asyncio.Transport | None
    _sslobj: Any
    _incoming: Any
    _outgoing: Any
    _state: Any
    @property
    def _drives_openssl(self) -> bool: ...
    def buffer_updated(self, nbytes: int, /) -> None: ...
    def _forget(self) -> None: ...

@disjoint_base
class TlsTransport(_FlowControlMixin):
    """The transport that a program with TLS sees; `ferraio._tls.SSLTransport` adds the rest from asyncio's own."""

    _loop: asyncio.AbstractEventLoop | None
    _ssl_protocol: TlsProtocol | None
    _closed: bool

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None: ...
    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None: ...

# --- for the package itself

def _check(
    arguments: Iterable[str], libraries: Iterable[str], minor: int, is_terminal: bool, is_alone: bool, /
) -> tuple[int, str, str]: ...
def _check_script(
    path: str, libraries: Iterable[str], minor: int, ignored: Iterable[str], concise: bool, colour: bool, /
) -> list[tuple[str, int, int, str]]: ...
def _explain_rule(rule: str, /) -> str | None: ...
def _drive_openssl(yes: bool, /) -> bool: ...
def _panic(text: str, /) -> NoReturn: ...
def _render(
    form: str,
    code: str,
    rule: str,
    severity: str,
    message: str,
    places: Iterable[tuple[str, str, int, int, int | None, int | None, str]],
    notes: Iterable[str],
    help: str | None,
    colour: bool,
    /,
) -> str: ...
def _rule_page(code: str, /) -> str | None: ...
def _tasks_made() -> int: ...
def _tell_failures(yes: bool, /) -> None: ...
def _note_call_sites(yes: bool, /) -> None: ...
def _observe(loops: bool, holders: bool, /) -> None: ...
def _diagnose_after(seconds: float, /) -> None: ...
def _start_watchdog(slow: float, libraries: Iterable[str], form: str, colour: bool, reads_stacks: bool) -> None: ...
def _stop_watchdog() -> None: ...
def _forget_watchdog() -> None: ...
def _forget_loops() -> None: ...

# File name, line, function, column, last line, last column, whether it is async.
_Frame: TypeAlias = tuple[str, int, str, int | None, int, int | None, bool]

def _stack() -> list[_Frame]: ...
def _next_report() -> tuple[int, float] | tuple[int, float, str, int, list[_Frame] | None, bool] | None: ...
def _set_metaclass(cls: type, metaclass: type, /) -> None: ...
def _unfinished_tasks() -> list[Task[Any]]: ...
def _wait_for_some(loop: EventLoop, futures: Iterable[asyncio.Future[Any]], return_when: str, /) -> _WaitingFuture: ...
