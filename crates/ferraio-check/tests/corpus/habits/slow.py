"""Habits that work, badly: locks of threads, polling, clients made again and again."""

from __future__ import annotations

import asyncio
import threading

import httpx2

lock = threading.Lock()
async_lock = asyncio.Lock()
ready = False
done = asyncio.Event()


async def save(value: int) -> None:
    with lock:  # mistake: FER102
        await asyncio.sleep(value)
    with lock:
        print(value)
    async with async_lock:
        await asyncio.sleep(value)


async def wait_until_ready() -> None:
    while not ready:  # mistake: FER103
        await asyncio.sleep(0.1)


async def wait_until_ready_well() -> None:
    await done.wait()
    while True:
        await save(1)
        await asyncio.sleep(60)


async def fetch_all(urls: list[str]) -> list[int]:
    found = []
    for url in urls:
        async with httpx2.AsyncClient() as client:  # mistake: FER106
            found.append((await client.get(url)).status_code)
    async with httpx2.AsyncClient() as client:
        for url in urls:
            found.append((await client.get(url)).status_code)
    return found


def schedule() -> asyncio.AbstractEventLoop:
    return asyncio.get_event_loop()  # mistake: FER105


async def schedule_well() -> float:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    return loop.time()
