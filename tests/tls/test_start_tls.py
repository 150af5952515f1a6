"""TLS on a connection that exists already: from plain, within TLS, over a transport that is the program's own."""

import asyncio
import ssl
import sys

import pytest

from .conftest import BufferedRecorder, Recorder, until_connected


async def plain(stage, factory=Recorder):
    """Two protocols that are connected without TLS."""
    address, protocols = await stage.serve(factory, ssl=None)
    client = await stage.connect(address, ssl=None, server_hostname=None)
    await until_connected(protocols)
    return client, protocols[0]


async def upgrade(stage, client, server, client_protocol=None, server_protocol=None):
    """Put TLS on both ends."""
    ends = await asyncio.gather(
        stage.loop.start_tls(
            client.transport, client_protocol or client, stage.client_context, server_hostname="localhost"
        ),
        stage.loop.start_tls(server.transport, server_protocol or server, stage.server_context, server_side=True),
    )
    for transport in ends:
        stage.abort_at_end(transport)
    return ends


def test_a_plain_connection_becomes_secure(play):
    async def main(stage):
        client, server = await plain(stage)
        client.transport.write(b"plain")
        await server.received(5)
        upgraded, upgraded_server = await upgrade(stage, client, server)
        # The protocol is the same, and is not told of a new connection.
        assert server.names.count("connection_made") == 1
        assert upgraded.get_extra_info("ssl_object").version() is not None
        upgraded.write(b" and secure")
        assert await server.received(16) == b"plain and secure"
        upgraded_server.write(b"answer")
        assert await client.received(6) == b"answer"
        upgraded.close()
        assert await server.lost is None

    play(main)


def test_a_buffered_protocol_takes_over(play):
    async def main(stage):
        client, server = await plain(stage)
        buffered = BufferedRecorder(1000)
        upgraded, _ = await upgrade(stage, client, server, server_protocol=buffered)
        upgraded.write(b"x" * 5000)
        assert await buffered.received(5000) == b"x" * 5000

    play(main)


def test_there_can_be_tls_within_tls(play):
    async def main(stage):
        client, server = await stage.both()
        inner, inner_server = await upgrade(stage, client, server)
        assert inner.get_extra_info("ssl_object") is not client.transport.get_extra_info("ssl_object")
        inner.write(b"x" * 300_000)
        assert await server.received(300_000) == b"x" * 300_000
        inner_server.write(b"y" * 300_000)
        assert await client.received(300_000) == b"y" * 300_000
        inner.close()
        await server.lost
        await client.lost

    play(main)


def test_streams_upgrade_themselves(play):
    async def main(stage):
        async def serve(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"go\n")
            await writer.start_tls(stage.server_context)
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(stage.client_context, server_hostname="localhost")
        assert writer.get_extra_info("ssl_object") is not None
        writer.write(b"quietly\n")
        assert await reader.readline() == b"QUIETLY\n"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()

    play(main)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python loses what has arrived before, up to 3.13")
def test_a_stream_that_has_received_the_beginning_of_the_handshake_passes_it_on(play):
    async def main(stage):
        received = asyncio.Event()

        async def serve(reader, writer):
            while not reader._buffer:
                await asyncio.sleep(0)
            received.set()
            await writer.start_tls(stage.server_context)
            writer.write(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=stage.client_context, server_hostname="localhost"
        )
        assert received.is_set()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        await writer.wait_closed()
        server.close()

    play(main)


class Relay(asyncio.Transport):
    """A transport of a program's own: passes everything on to another one."""

    _start_tls_compatible = True

    def __init__(self, transport):
        super().__init__()
        self._transport = transport
        self._protocol = None

    def set_protocol(self, protocol):
        self._protocol = protocol
        relay = self

        class Below(asyncio.Protocol):
            def data_received(self, data):
                while data:
                    buffer = relay._protocol.get_buffer(len(data))
                    size = min(len(buffer), len(data))
                    buffer[:size] = data[:size]
                    relay._protocol.buffer_updated(size)
                    data = data[size:]

            def eof_received(self):
                return relay._protocol.eof_received()

            def connection_lost(self, exc):
                relay._protocol.connection_lost(exc)

        self._transport.set_protocol(Below())

    def get_extra_info(self, name, default=None):
        return self._transport.get_extra_info(name, default)

    def pause_reading(self):
        self._transport.pause_reading()

    def resume_reading(self):
        self._transport.resume_reading()

    def write(self, data):
        self._transport.write(data)

    def is_closing(self):
        return self._transport.is_closing()

    def close(self):
        self._transport.close()

    def abort(self):
        self._transport.abort()

    def _force_close(self, exc):
        self._transport._force_close(exc)


def test_a_transport_of_the_program_s_own_can_be_below(play):
    async def main(stage):
        client, server = await plain(stage)
        relay = Relay(client.transport)
        secure, _ = await asyncio.gather(
            stage.loop.start_tls(relay, client, stage.client_context, server_hostname="localhost"),
            stage.loop.start_tls(server.transport, server, stage.server_context, server_side=True),
        )
        secure.write(b"x" * 700_000)
        assert await server.received(700_000) == b"x" * 700_000
        assert secure.get_extra_info("peername") == client.transport.get_extra_info("peername")
        secure.close()
        assert await client.lost is None

    play(main)


def test_what_is_no_context_is_refused(play):
    async def main(stage):
        client, _ = await plain(stage)
        with pytest.raises(TypeError, match=r"sslcontext is expected to be an instance of ssl\.SSLContext, got None"):
            await stage.loop.start_tls(client.transport, client, None)

    play(main)


def test_a_transport_that_cannot_do_it_is_refused(play):
    async def main(stage):
        with pytest.raises(TypeError, match=r"is not supported by start_tls\(\)"):
            await stage.loop.start_tls(asyncio.Transport(), Recorder(), stage.client_context)

    play(main)


def test_whoever_stops_waiting_closes_the_connection(play):
    async def main(stage):
        client, server = await plain(stage)
        upgrading = asyncio.create_task(
            stage.loop.start_tls(client.transport, client, stage.client_context, server_hostname="localhost")
        )
        await asyncio.sleep(0)
        upgrading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upgrading
        await server.lost
        assert client.transport.is_closing()

    play(main)


def test_a_certificate_that_does_not_fit_is_raised_where_it_was_asked_for(play):
    async def main(stage):
        stage.loop.set_exception_handler(lambda loop, context: None)
        client, server = await plain(stage)
        stage.client_context = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await upgrade(stage, client, server)
        await asyncio.sleep(0)

    play(main)
