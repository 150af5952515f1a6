"""The types of the Rust half.

Futures, tasks and handles have the methods of asyncio's classes, which they derive from or claim to be; so
they are not repeated here. Neither are those of the halves of locks, queues and time limits.
"""

import asyncio
from asyncio import gather as gather
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from types import TracebackType
from typing import Any, TypeVar, TypeVarTuple, overload

from typing_extensions import disjoint_base

_Result = TypeVar("_Result")
_Result_co = TypeVar("_Result_co", covariant=True)
_Arguments = TypeVarTuple("_Arguments")

__version__: str

@disjoint_base
class EventLoop:
    """What runs often in an event loop; `ferraio.EventLoop` adds the rest from asyncio's own."""

    slow_callback_duration: float

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
class Future(asyncio.Future[_Result]): ...

@disjoint_base
class Task(asyncio.Task[_Result_co]): ...

@disjoint_base
class TaskGroup:
    """What happens per child of a task group; `ferraio.TaskGroup` adds the rest from asyncio's own."""

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

@disjoint_base
class Lock:
    """What happens often with a lock; `ferraio.Lock` adds the rest from asyncio's own."""

@disjoint_base
class Event:
    """What happens often with an event; `ferraio.Event` adds the rest from asyncio's own."""

@disjoint_base
class Semaphore:
    """What happens often with a semaphore; `ferraio.Semaphore` adds the rest from asyncio's own."""

@disjoint_base
class Queue:
    """What happens often with a queue; `ferraio.Queue` adds the rest from asyncio's own."""

@disjoint_base
class AsyncCall(Coroutine[Any, Any, _Result_co]):
    """What `Lock.acquire`, `Queue.get` and their kin return: awaited once, like asyncio's coroutines."""

    cr_await: Any
    cr_origin: tuple[tuple[str, int, str], ...] | None
    cr_running: bool
    __name__: str
    __qualname__: str
    def __await__(self) -> Generator[Any, Any, _Result_co]: ...
    def __iter__(self) -> AsyncCall[_Result_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self, typ: type[BaseException] | BaseException, val: object = None, tb: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...

@disjoint_base
class Sleep(Coroutine[Any, Any, _Result_co]):
    """What `sleep` returns: awaited once, like the coroutine of `asyncio.sleep`."""

    cr_await: Any
    cr_origin: tuple[tuple[str, int, str], ...] | None
    cr_running: bool
    __name__: str
    __qualname__: str
    def __await__(self) -> Generator[Any, Any, _Result_co]: ...
    def __iter__(self) -> Sleep[_Result_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self, typ: type[BaseException] | BaseException, val: object = None, tb: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...

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

@overload
def sleep(delay: float) -> Sleep[None]: ...
@overload
def sleep(delay: float, result: _Result) -> Sleep[_Result]: ...
def timeout(delay: float | None) -> asyncio.Timeout: ...
def timeout_at(when: float | None) -> asyncio.Timeout: ...

# For the package itself.

def _set_metaclass(cls: type, metaclass: type, /) -> None: ...
def _unfinished_tasks() -> list[Task[Any]]: ...
