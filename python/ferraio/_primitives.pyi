"""The types of what programs wait with: the Rust half first, then asyncio's own class."""

import asyncio
from typing import TypeVar, final

from _typeshed import SupportsRichComparisonT

from ferraio import _ferraio

__all__ = (
    "BoundedSemaphore",
    "Condition",
    "Event",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "Semaphore",
    "TaskGroup",
    "Timeout",
    "timeout",
    "timeout_at",
)

_Item = TypeVar("_Item")

class TaskGroup(_ferraio.TaskGroup, asyncio.TaskGroup): ...

@final  # as asyncio's own, which type checkers do not let one derive from
class Timeout(_ferraio.Timeout, asyncio.Timeout): ...  # type: ignore[misc]

class Lock(_ferraio.Lock, asyncio.Lock): ...
class Event(_ferraio.Event, asyncio.Event): ...
class Condition(asyncio.Condition): ...
class Semaphore(_ferraio.Semaphore, asyncio.Semaphore): ...
class BoundedSemaphore(Semaphore, asyncio.BoundedSemaphore): ...
class Queue(_ferraio.Queue[_Item], asyncio.Queue[_Item]): ...
class PriorityQueue(Queue[SupportsRichComparisonT], asyncio.PriorityQueue[SupportsRichComparisonT]): ...
class LifoQueue(Queue[_Item], asyncio.LifoQueue[_Item]): ...

def timeout(delay: float | None) -> Timeout: ...
def timeout_at(when: float | None) -> Timeout: ...
