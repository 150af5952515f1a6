"""What the tests of datagram endpoints share: a protocol that notes what it is told, and stories with endpoints."""

import asyncio
import struct

import pytest
from recording import Notes

#: What netlink answers: RTM_GETLINK as a dump, that is length, type, flags, sequence, pid, and an empty body.
NETLINK_QUESTION = struct.pack("=IHHII4x", 20, 18, 0x301, 0, 0)


class Recorder(Notes, asyncio.DatagramProtocol):
    """Notes each call; datagrams and errors are in queues."""

    def __init__(self):
        super().__init__()
        self.datagrams = asyncio.Queue()
        self.errors = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.datagrams.put_nowait((data, addr))

    def error_received(self, exc):
        self.errors.put_nowait(exc)


@pytest.fixture
def play(run):
    """Runs a story: `play(main)` calls `main(endpoint)`; `await endpoint(...)` gives a (transport, Recorder)."""

    def play(main, **options):
        async def story():
            transports = []

            async def endpoint(factory=Recorder, **arguments):
                if not arguments:
                    arguments = {"local_addr": ("127.0.0.1", 0)}
                loop = asyncio.get_running_loop()
                transport, protocol = await loop.create_datagram_endpoint(factory, **arguments)
                transports.append(transport)
                return transport, protocol

            try:
                async with asyncio.timeout(30):
                    return await main(endpoint)
            finally:
                for transport in transports:
                    if not transport.is_closing():
                        transport.abort()
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        return run(story, **options)

    return play
