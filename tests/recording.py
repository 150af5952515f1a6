"""Protocols that note what they are told, and let a test wait for it."""

import asyncio


class Notes(asyncio.BaseProtocol):
    """What a protocol of any kind is told: `calls` has a tuple for each call, the name first."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.calls = []
        self.transport = None
        self.lost = self.loop.create_future()
        self._waiters = []

    def _note(self, *call):
        self.calls.append(call)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition):
        """Wait until a call makes `condition()` true."""
        while not condition():
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    @property
    def names(self):
        """The names of the calls, in order."""
        return [call[0] for call in self.calls]

    def connection_made(self, transport):
        self.transport = transport
        self._note("connection_made")

    def pause_writing(self):
        self._note("pause_writing")

    def resume_writing(self):
        self._note("resume_writing")

    def connection_lost(self, exc):
        self._note("connection_lost", exc)
        self.lost.set_result(exc)


class Recorder(Notes, asyncio.Protocol):
    """A protocol of streams; `data` is all that has been received."""

    def __init__(self):
        super().__init__()
        self.data = b""

    async def received(self, size):
        """Wait for so many bytes in all."""
        await self.until(lambda: len(self.data) >= size)
        return self.data

    def data_received(self, data):
        assert type(data) is bytes
        self.data += data
        self._note("data_received", data)

    def eof_received(self):
        self._note("eof_received")


class BufferedRecorder(Recorder, asyncio.BufferedProtocol):
    """The same for a protocol that offers its own memory."""

    data_received = None

    def __init__(self, size=16):
        super().__init__()
        self.buffer = bytearray(size)

    def get_buffer(self, sizehint):
        self._note("get_buffer", sizehint)
        return self.buffer

    def buffer_updated(self, nbytes):
        self.data += self.buffer[:nbytes]
        self._note("buffer_updated", nbytes)
