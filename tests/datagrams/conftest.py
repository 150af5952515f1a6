"""What the tests of datagram endpoints share: a protocol that notes what it is told, and stories with endpoints."""

import asyncio

import pytest


class Recorder(asyncio.DatagramProtocol):
    """Notes each call, and lets a test wait for it."""

    def __init__(self):
        loop = asyncio.get_running_loop()
        self.calls = []
        self.datagrams = asyncio.Queue()
        self.errors = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.lost = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.calls.append("connection_made")

    def datagram_received(self, data, addr):
        self.datagrams.put_nowait((data, addr))

    def error_received(self, exc):
        self.errors.put_nowait(exc)

    def pause_writing(self):
        self.calls.append("pause_writing")

    def resume_writing(self):
        self.calls.append("resume_writing")
        self.resumed.set()

    def connection_lost(self, exc):
        self.calls.append("connection_lost")
        self.lost.set_result(exc)


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
