"""What programs expect of protocols, queues, locks and streams: any object, hooks, private attributes."""

import asyncio

from turns import turn


def test_a_protocol_is_any_object(run):
    class Client:
        def connection_made(self, transport):
            self.transport, self.received = transport, b""
            self.lost = asyncio.get_running_loop().create_future()

        def data_received(self, data):
            self.received += data

        def eof_received(self):
            return False

        def connection_lost(self, error):
            self.lost.set_result(error)

    async def main():
        loop = asyncio.get_running_loop()

        async def answer(reader, writer):
            writer.write(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Client, *server.sockets[0].getsockname())
        transport.write(b"hello")
        assert await client.lost is None
        assert client.received == b"hello"
        server.close()
        await server.wait_closed()

    run(main)


def test_the_hooks_of_a_queue_are_called(run):
    class Subclass(asyncio.Queue):
        def _init(self, maxsize):
            self.log = []
            self._queue = []

        def _put(self, item):
            self.log.append(("put", item))
            self._queue.append(item)

        def _get(self):
            self.log.append("get")
            return self._queue.pop()

    async def main():
        queue = Subclass()
        await queue.put(1)
        queue.put_nowait(2)
        assert [await queue.get(), queue.get_nowait()] == [2, 1]
        assert queue.log == [("put", 1), ("put", 2), "get", "get"]
        getting = asyncio.create_task(queue.get())
        await turn()
        assert len(queue._getters) == 1
        assert len(queue._putters) == 0
        queue._wakeup_next(queue._getters)
        queue._queue.append("past put()")
        assert await getting == "past put()"

    run(main)


def test_the_private_attributes_of_primitives(run):
    async def main():
        event, semaphore, lock = asyncio.Event(), asyncio.Semaphore(3), asyncio.Lock()
        assert not event._waiters
        assert semaphore._value == 3
        assert not lock._waiters
        waiting = asyncio.create_task(event.wait())
        await semaphore.acquire()
        await lock.acquire()
        acquiring = asyncio.create_task(lock.acquire())
        await turn()
        assert semaphore._value == 2
        assert len(event._waiters) == len(lock._waiters) == 1
        event.set()
        lock.release()
        await asyncio.gather(waiting, acquiring)

    run(main)


def test_primitives_can_be_subclassed_with_slots(run):
    class SlottedEvent(asyncio.Event):
        __slots__ = ("extra",)

    class SlottedLock(asyncio.Lock):
        __slots__ = ("extra",)

    async def main():
        event, lock = SlottedEvent(), SlottedLock()
        event.extra = lock.extra = 7
        async with lock:
            event.set()
            assert await event.wait() is True

    run(main)


def test_the_private_attributes_of_streams(run):
    async def main():
        async def answer(reader, writer):
            writer.write(b"hello")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.readexactly(1) == b"h"
        assert reader._buffer is not None
        assert len(reader._buffer) in (0, 4)
        assert reader._limit == 2**16
        assert reader._transport is writer.transport
        assert reader._exception is None
        assert await reader.read() == b"ello"
        assert reader._eof is True
        assert not reader._buffer
        assert writer._protocol._paused is False
        writer.close()
        server.close()
        await server.wait_closed()

    run(main)
