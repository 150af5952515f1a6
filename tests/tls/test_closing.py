"""How a connection ends, from either side, in order or not."""

import asyncio
import gc
import logging
import ssl
import sys
import weakref

import pytest
from recording import Recorder

from .conftest import BufferedRecorder, Stage


def test_close_sends_what_was_written_and_says_goodbye(play):
    async def main(stage):
        client, server = await stage.both()
        data = b"x" * 2_000_000
        client.transport.write(data)
        client.transport.close()
        assert client.transport.is_closing()
        assert await server.received(len(data)) == data
        assert await server.lost is None
        assert await client.lost is None
        assert server.names[-2:] == ["eof_received", "connection_lost"]
        assert client.names[0] == "connection_made" and client.names[-1] == "connection_lost"

    play(main)


def test_close_can_be_called_again(play):
    async def main(stage):
        client, _ = await stage.both()
        for _ in range(2):
            client.transport.close()
        await client.lost
        client.transport.close()
        await asyncio.sleep(0)
        assert client.names.count("connection_lost") == 1
        assert client.transport.is_closing()

    play(main)


def test_close_notify_of_the_peer_is_the_end_of_the_stream(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.send(peer.encrypt(b"last words"))
        assert await peer.unwrap()  # the answer has come
        assert await protocol.lost is None
        assert protocol.data == b"last words"
        assert protocol.names[-2:] == ["eof_received", "connection_lost"]

    play(main)


def test_an_end_without_close_notify_gives_eof_received(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.write(b"last words")
        await protocol.received(10)
        peer.sock.shutdown(1)
        assert await protocol.lost is None
        # Since 3.11 asyncio's shutdown after such an end skips close_notify, and tells the protocol of the end.
        assert protocol.names == ["connection_made", "data_received", "eof_received", "connection_lost"]

    play(main)


def test_an_end_in_the_middle_of_a_record_ends_the_connection(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.send(peer.encrypt(b"whole") + peer.encrypt(b"cut off")[:-3])
        await protocol.received(5)
        peer.sock.shutdown(1)
        await protocol.lost
        assert protocol.data == b"whole"
        assert protocol.names[-1] == "connection_lost"

    play(main)


def test_what_arrived_while_reading_was_paused_is_delivered_after_the_end(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        protocol.transport.pause_reading()
        await peer.write(b"late")
        while not protocol.transport.get_read_buffer_size():
            await asyncio.sleep(0)
        peer.sock.shutdown(1)
        for _ in range(5):
            await asyncio.sleep(0)
        protocol.transport.resume_reading()
        assert await protocol.received(4) == b"late"
        await protocol.lost

    play(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 a Server has no close_clients()")
@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_server_can_end_its_clients(play, end):
    async def main(stage):
        accepted = []

        def accept():
            accepted.append(Recorder())
            return accepted[-1]

        server = await stage.loop.create_server(accept, "127.0.0.1", 0, ssl=stage.server_context)
        clients = [await stage.connect(server.sockets[0].getsockname()) for _ in range(3)]
        while len(accepted) < 3 or not all(protocol.transport for protocol in accepted):
            await asyncio.sleep(0)
        server.close()
        getattr(server, end)()
        await server.wait_closed()
        assert [await protocol.lost for protocol in accepted] == [None] * 3
        for client in clients:
            await client.lost
            assert "eof_received" in client.names

    play(main)


def test_abort_loses_at_once(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        protocol.transport.abort()
        assert protocol.transport.is_closing()
        assert await protocol.lost is None
        assert protocol.names == ["connection_made", "connection_lost"]
        assert await peer.read(1) == b""

    play(main)


def test_abort_forgets_what_was_not_read(play, loop_kind, engine):
    async def main(stage):
        protocol, peer = await stage.with_peer(lambda: BufferedRecorder(10_000))
        transport = protocol.transport
        await peer.send(b"".join(peer.encrypt(b"x" * 16_000) for _ in range(4)))
        await protocol.received(1)
        transport.pause_reading()
        while not transport.get_read_buffer_size():
            await asyncio.sleep(0)
        transport.abort()
        await protocol.lost
        if loop_kind != "asyncio" and engine == "openssl":  # Python's objects keep it as long as they live
            assert transport.get_read_buffer_size() == 0
        assert transport.get_write_buffer_size() == 0
        assert protocol.names[-1] == "connection_lost"

    play(main)


def test_a_reset_of_the_peer_is_an_exception(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        peer.reset()
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.names == ["connection_made", "connection_lost"]

    play(main)


def test_writing_to_a_peer_that_is_gone_is_an_exception(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        protocol.transport.pause_reading()
        peer.reset()
        while not protocol.transport.is_closing() and not protocol.lost.done():
            protocol.transport.write(b"x" * 1000)
            await asyncio.sleep(0)
        assert isinstance(await protocol.lost, (BrokenPipeError, ConnectionResetError))

    play(main)


def test_a_peer_that_does_not_say_goodbye_ends_the_shutdown_by_its_timeout(play):
    async def main(stage):
        protocol, peer = await stage.with_peer(ssl_shutdown_timeout=0.01)
        protocol.transport.close()
        error = await protocol.lost
        assert isinstance(error, TimeoutError) and str(error) == "SSL shutdown timed out"
        assert peer.sock.fileno() > 0

    play(main)


def test_a_peer_that_does_not_read_ends_the_shutdown_by_its_timeout(play):
    async def main(stage):
        protocol, _peer = await stage.with_peer(ssl_shutdown_timeout=0.01)
        protocol.transport.write(b"x" * 10_000_000)
        protocol.transport.close()
        assert isinstance(await protocol.lost, TimeoutError)

    play(main)


def test_whoever_writes_after_the_end_is_warned(play, caplog):
    async def main(stage):
        client, _ = await stage.both()
        client.transport.abort()
        await client.lost
        with caplog.at_level(logging.WARNING, "asyncio"):
            for _ in range(10):
                client.transport.write(b"too late")
        messages = [record.message for record in caplog.records]
        assert messages and set(messages) == {"SSL connection is closed"}
        return len(messages)

    # connection_lost counts as one of the five that are tolerated.
    assert play(main) == 6


def test_the_stream_cannot_be_ended_in_one_direction(play):
    async def main(stage):
        client, _ = await stage.both()
        assert client.transport.can_write_eof() is False
        with pytest.raises(NotImplementedError):
            client.transport.write_eof()

    play(main)


def test_keeping_a_connection_open_after_the_end_has_no_effect(play, caplog):
    class Keeping(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main(stage):
        protocol, peer = await stage.with_peer(Keeping)
        with caplog.at_level(logging.WARNING, "asyncio"):
            await peer.unwrap()
            assert await protocol.lost is None
        assert "returning true from eof_received() has no effect when using ssl" in caplog.text

    play(main)


def test_an_exception_in_eof_received_is_reported(play, problems):
    class Failing(Recorder):
        def eof_received(self):
            raise RuntimeError("no")

    async def main(stage):
        problems.of_this_loop()
        protocol, peer = await stage.with_peer(Failing)
        await peer.unwrap()
        await protocol.lost
        assert problems.messages == ["Error calling eof_received()"]

    play(main)


def test_a_transport_that_nobody_closes_warns(play):
    async def main(stage):
        protocol, _peer = await stage.with_peer()
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            protocol.transport.__del__()
        protocol.transport._closed = False

    play(main)


def test_nothing_of_a_connection_remains(play):
    async def main(stage):
        client, server = await stage.both()
        client.transport.write(b"hello")
        await server.received(5)
        remains = [weakref.ref(end) for end in (client, server)]
        remains += [weakref.ref(end.transport) for end in (client, server)]
        client.transport.close()
        await client.lost
        await server.lost
        await asyncio.sleep(0)
        stage._cleanup.pop_all()
        del client, server
        await asyncio.sleep(0)
        gc.collect()
        # The server's list still knows its protocol.
        assert remains[0]() is None and remains[2]() is None
        stage.servers[0].close()

    play(main)


def test_the_ssl_object_outlives_its_connection(play):
    async def main(stage):
        client, server = await stage.both()
        ssl_object = client.transport.get_extra_info("ssl_object")
        client.transport.write(b"x")
        await server.received(1)
        client.transport.abort()
        await client.lost
        await server.lost
        del client
        gc.collect()
        assert ssl_object.version() in ("TLSv1.2", "TLSv1.3")
        with pytest.raises(ssl.SSLError):
            ssl_object.read(1)

    play(main)


def test_a_loop_dies_after_its_connections(loop_factory, server_context, client_context):
    async def main(loop):
        stage = Stage(server_context, client_context)
        client, _ = await stage.both()
        client.transport.write(b"hello")
        await stage.close()

    loop = loop_factory()
    loop.run_until_complete(main(loop))
    loop.close()
    dead = weakref.ref(loop)
    del loop
    gc.collect()
    assert dead() is None
