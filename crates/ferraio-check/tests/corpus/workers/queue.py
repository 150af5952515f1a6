"""A queue and its workers: what swallows a cancellation, and what only looks as if."""

from __future__ import annotations

import asyncio
import contextlib
import logging

log = logging.getLogger(__name__)


async def handle(item: str) -> None:
    await asyncio.sleep(len(item) / 1000)


class Workers:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.failed: list[BaseException] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def bare(self) -> None:
        while True:
            item = await self.queue.get()
            try:
                await handle(item)
            except:  # mistake: FER010
                log.warning("failed: %s", item)

    async def base(self) -> None:
        while True:
            try:
                await handle(await self.queue.get())
            except BaseException as error:  # mistake: FER010
                self.failed.append(error)

    async def named(self) -> None:
        while True:
            try:
                await handle(await self.queue.get())
            except (ValueError, asyncio.CancelledError):  # mistake: FER010
                continue  # shows: FER010

    async def suppressed(self) -> None:
        while True:
            with contextlib.suppress(BaseException):  # mistake: FER010
                await handle(await self.queue.get())

    async def returning(self) -> None:
        while True:
            try:
                await handle(await self.queue.get())
            finally:
                self.queue.task_done()
                continue  # mistake: FER010

    async def ordinary(self) -> None:
        while True:
            try:
                await handle(await self.queue.get())
            except Exception:
                log.exception("failed")

    async def with_raise(self) -> None:
        try:
            await handle("a")
        except BaseException as error:
            self.failed.append(error)
            raise

    async def with_other_raise(self) -> None:
        try:
            await handle("a")
        except BaseException as error:
            self.failed.append(error)
            raise error

    async def cancelled_first(self) -> None:
        while True:
            try:
                await handle(await self.queue.get())
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self.failed.append(error)

    async def without_await(self, text: str) -> int:
        await asyncio.sleep(0)
        try:
            return int(text)
        except:
            return 0

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            try:
                await task
            except asyncio.CancelledError:
                pass
        with contextlib.suppress(asyncio.CancelledError):
            await self.tasks[0]

    async def start(self) -> None:
        self.tasks = [asyncio.create_task(self.ordinary()) for _ in range(3)]
        self.queue.put("a")  # mistake: FER001
        self.queue.put_nowait("a")
        self.queue.join()  # mistake: FER001
        await self.queue.join()
        await self.stop()
        self.queue.get()  # mistake: FER001
