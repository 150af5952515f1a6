"""Decorators that keep a function async, and one that makes it an ordinary one."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def retry(times: int) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(function)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            for _ in range(times):
                try:
                    return await function(*args, **kwargs)
                except OSError:
                    asyncio.sleep(1)  # mistake: FER001
            return await function(*args, **kwargs)

        return wrapper

    return decorate


def traced(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        print("calling", function.__name__)
        return await function(*args, **kwargs)

    return wrapper


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """For command lines: the coroutine runs to its end in a loop of its own."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(function(*args, **kwargs))

    return wrapper


def registered(function: Callable[P, T]) -> Callable[P, T]:
    commands[function.__name__] = function
    return function


commands: dict[str, Callable[..., Any]] = {}


@retry(times=3)
async def download(url: str) -> bytes:
    await asyncio.sleep(0)
    return url.encode()


@traced
async def upload(data: bytes) -> None:
    await asyncio.sleep(0)


@registered
async def remove(url: str) -> None:
    await asyncio.sleep(0)


@blocking
async def sync_all(urls: list[str]) -> int:
    data = [await download(url) for url in urls]
    download(urls[0])  # mistake: FER001
    upload(b"".join(data))  # mistake: FER001
    remove(urls[0])  # mistake: FER001
    await remove(urls[0])
    return len(data)


def main() -> None:
    count = sync_all(["https://example.org"])
    sync_all(["https://example.com"])
    print(count + 1)


main()
