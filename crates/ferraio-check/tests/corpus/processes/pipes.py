"""The coroutines of the standard library: streams, processes, locks, events."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process


class Pipe:
    process: Process

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.lock = asyncio.Lock()
        self.changed = asyncio.Condition()
        self.limit = asyncio.Semaphore(3)

    async def start(self, *command: str) -> None:
        self.process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        self.ready.set()

    async def write(self, data: bytes) -> None:
        self.ready.wait()  # mistake: FER001
        await self.ready.wait()
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.drain()  # mistake: FER001
        await self.process.stdin.drain()

    async def read(self) -> bytes:
        self.lock.acquire()  # mistake: FER001
        try:
            out, _ = await self.process.communicate()
        finally:
            self.lock.release()
        async with self.lock, self.limit:
            return out

    async def stop(self) -> int | None:
        self.process.terminate()
        self.process.wait()  # mistake: FER001
        async with self.changed:
            self.changed.notify_all()
            self.changed.wait()  # mistake: FER001
        return self.process.returncode

    async def finish(self) -> None:
        asyncio.wait_for(self.process.wait(), timeout=1)  # mistake: FER001
        asyncio.wait([asyncio.create_task(self.stop())])  # mistake: FER001
        asyncio.to_thread(print, "finished")  # mistake: FER001
        await asyncio.wait_for(self.process.wait(), timeout=1)
        loop = asyncio.get_running_loop()
        loop.getaddrinfo("localhost", 80)  # mistake: FER001
        waiting = loop.create_future()
        loop.call_soon(waiting.set_result, None)
        await waiting


async def connect(host: str) -> bytes:
    reader, writer = asyncio.open_connection(host, 80)  # mistake: FER001
    reader, writer = await asyncio.open_connection(host, 80)
    writer.write(b"hello")
    return reader.readline().strip()  # mistake: FER001
