"""What the transport's tests share: transports over pairs."""

import asyncio
import socket

import pytest
from recording import Recorder


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
