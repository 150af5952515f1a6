"""Two HTTP libraries: what they return is a coroutine in one place and a context manager in the other."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import httpx2


class Downloads:
    session: aiohttp.ClientSession

    def __init__(self, base: str) -> None:
        self.base = base
        self.client = httpx2.AsyncClient(base_url=base)

    async def __aenter__(self) -> Downloads:
        self.session = aiohttp.ClientSession(self.base)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.session.close()  # mistake: FER001
        await self.client.aclose()

    async def json(self, path: str) -> Any:
        async with self.session.get(path) as response:
            return response.json()["items"]  # mistake: FER001

    async def text(self, path: str) -> str:
        async with self.session.get(path) as response:
            response.raise_for_status()
            text = await response.text()
            length = len(response.read())  # mistake: FER001
            return text[:length]

    async def status(self, path: str) -> int:
        return self.client.get(path).status_code  # mistake: FER001

    async def head(self, path: str) -> httpx2.Response:
        response = await self.client.head(path)
        response.raise_for_status()
        print(response.json(), response.text)
        return response


async def post(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        client.post(url, json={})  # mistake: FER001
        answers = [client.get(url), client.get(url)]
        for answer in await asyncio.gather(*answers):
            print(answer.status_code)
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        print(f"answered {response.text()}")  # mistake: FER001
        print(f"answered {await response.text()}")
    print(httpx2.get(url).status_code)  # mistake: FER002


async def every(urls: list[str]) -> list[str]:
    async with Downloads("https://example.org") as downloads, asyncio.TaskGroup() as group:
        tasks = [group.create_task(downloads.text(url)) for url in urls]
        group.create_task(downloads.status("/"))
    return [task.result() for task in tasks]
