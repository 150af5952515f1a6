"""What the transport's tests share: a protocol that notes what it is told, and transports over pairs."""

import asyncio
import socket
import struct

import pytest


class Recorder(asyncio.Protocol):
    """Notes each call, and lets a test wait for it."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.calls = []
        self.data = b""
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

    def data_received(self, data):
        self.data += data
        self._note("data_received", data)

    def eof_received(self):
        self._note("eof_received")

    def pause_writing(self):
        self._note("pause_writing")

    def resume_writing(self):
        self._note("resume_writing")

    def connection_lost(self, exc):
        self._note("connection_lost", exc)
        self.lost.set_result(exc)


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


class Pair:
    """A transport over one end of a socket pair; the other end is `peer`, a socket in non-blocking mode."""

    def __init__(self, transport, protocol, peer):
        self.transport = transport
        self.protocol = protocol
        self.peer = peer
        self.loop = asyncio.get_running_loop()

    async def receive(self, size=65536):
        """Receive at the other end."""
        return await self.loop.sock_recv(self.peer, size)

    async def send(self, data):
        """Send from the other end."""
        await self.loop.sock_sendall(self.peer, data)

    async def receive_all(self):
        """Receive at the other end until the end of the stream."""
        parts = []
        while part := await self.receive():
            parts.append(part)
        return b"".join(parts)

    async def fill(self, chunk=b"x" * 65536):
        """Write until the kernel takes no more; return how many bytes were written."""
        written = 0
        while not self.transport.get_write_buffer_size():
            self.transport.write(chunk)
            written += len(chunk)
        return written


def tcp_pair(proto=socket.IPPROTO_TCP):
    """Two connected TCP sockets on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    return accepted, client


def reset(sock):
    """Close a TCP socket in such a way that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def play(run):
    """Runs a story on each loop: `play(main)` calls `main(connect)`, and closes what was connected.

    `await connect(factory=Recorder, sockets=socket.socketpair)` gives a Pair.
    """

    def play(main, **options):
        async def story():
            pairs = []

            async def connect(factory=Recorder, sockets=socket.socketpair):
                ours, peer = sockets()
                peer.setblocking(False)
                loop = asyncio.get_running_loop()
                transport, protocol = await loop.connect_accepted_socket(factory, ours)
                pairs.append(Pair(transport, protocol, peer))
                return pairs[-1]

            try:
                async with asyncio.timeout(30):  # a story that hangs fails
                    return await main(connect)
            finally:
                for pair in pairs:
                    if not pair.transport.is_closing():
                        pair.transport.abort()
                    pair.peer.close()
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        return run(story, **options)

    return play
