"""A chat over TCP: tasks that nobody keeps, cancellation that nobody hears."""

import asyncio
import contextlib
import logging
from asyncio import StreamReader, StreamWriter, create_task

log = logging.getLogger(__name__)


class ChatServer:
    def __init__(self) -> None:
        self.writers: set[StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.topic = ""

    async def broadcast(self, line: bytes) -> None:
        for writer in self.writers:
            writer.write(line)
            await writer.drain()

    async def talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.writers.add(writer)
        create_task(self.broadcast(b"somebody came\n"))  # mistake: FER006
        try:
            while line := await reader.readline():
                asyncio.ensure_future(self.broadcast(line))  # mistake: FER006
        except BaseException:  # mistake: FER010
            log.info("somebody went")
        self.writers.discard(writer)
        await self.broadcast(b"somebody went\n")

    async def talk_well(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while line := await reader.readline():
                task = create_task(self.broadcast(line))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        except BaseException:
            log.info("somebody went")
            raise
        finally:
            writer.close()

    async def greet(self, writer: StreamWriter) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.broadcast(b"hello\n"))
            group.create_task(writer.drain())

    async def announce_for_ever(self) -> None:
        while True:
            try:
                await asyncio.sleep(60)
                await self.broadcast(b"still here\n")
            except asyncio.CancelledError:  # mistake: FER010
                log.info("no, I stay")

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        ticker = create_task(self.announce_for_ever())
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker


async def main() -> None:
    chat = ChatServer()
    server = await asyncio.start_server(chat.talk, "127.0.0.1", 8888)
    announcer = asyncio.create_task(chat.announce_for_ever())
    async with server:
        server.serve_forever()  # mistake: FER001
    announcer.cancel()
    try:
        await announcer
    except asyncio.CancelledError:
        pass


asyncio.run(main())
