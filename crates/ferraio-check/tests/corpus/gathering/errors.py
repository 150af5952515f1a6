"""What becomes of the errors of a gather."""

from __future__ import annotations

import asyncio


async def download(url: str) -> bytes:
    await asyncio.sleep(0)
    return url.encode()


async def drop_errors(urls: list[str]) -> None:
    await asyncio.gather(*(download(url) for url in urls), return_exceptions=True)  # mistake: FER008
    _ = await asyncio.gather(download("a"), download("b"), return_exceptions=True)  # mistake: FER008


async def treat_errors_as_results(urls: list[str]) -> int:
    pages = await asyncio.gather(*map(download, urls), return_exceptions=True)  # mistake: FER008
    return sum(len(page) for page in pages)  # shows: FER008


async def nobody_waits(urls: list[str]) -> None:
    asyncio.gather(*(download(url) for url in urls))  # mistake: FER008


async def look_at_errors(urls: list[str]) -> list[bytes]:
    pages = await asyncio.gather(*map(download, urls), return_exceptions=True)
    for page in pages:
        if isinstance(page, BaseException):
            print("failed:", page)
    return [page for page in pages if not isinstance(page, BaseException)]


async def raise_errors(urls: list[str]) -> list[bytes]:
    both = await asyncio.gather(download("a"), download("b"))
    return [*both, *await asyncio.gather(*map(download, urls))]


async def match_errors(urls: list[str]) -> None:
    for page in await asyncio.gather(*map(download, urls), return_exceptions=True):
        match page:
            case BaseException():
                print("failed")
            case bytes():
                print(len(page))


async def stop(tasks: list[asyncio.Task[bytes]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
