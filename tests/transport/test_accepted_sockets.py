"""What is known of a connection that a server has accepted, whenever somebody asks: its socket, both addresses."""

import asyncio
import errno
import gc
import os
import socket
import sys

import pytest
from recording import Recorder


@pytest.fixture
def accept(run):
    """Runs a story with a connection: `accept(main)` calls `main(transport, protocol, client)`."""

    def accept(main, **options):
        async def story():
            loop = asyncio.get_running_loop()
            made = asyncio.Queue()

            class Made(Recorder):
                def connection_made(self, transport):
                    super().connection_made(transport)
                    made.put_nowait(self)

            server = await loop.create_server(Made, "127.0.0.1", 0)
            with socket.create_connection(server.sockets[0].getsockname()) as client:
                protocol = await made.get()
                await main(protocol.transport, protocol, client)
            server.close()

        run(story, **options)

    return accept


def test_the_names_outlive_the_connection(accept):
    async def main(transport, protocol, client):
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert transport.get_extra_info("peername") == client.getsockname()
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"

    accept(main)


def test_a_socket_asked_for_after_the_end_is_closed(accept):
    async def main(transport, protocol, client):
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        sock = transport.get_extra_info("socket")
        assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert sock.fileno() == -1
        with pytest.raises(OSError) as caught:
            sock.getpeername()
        assert caught.value.errno == errno.EBADF
        assert transport._sock is None

    accept(main)


def test_a_socket_asked_for_before_the_end_closes_with_the_connection(accept):
    async def main(transport, protocol, client):
        sock = transport.get_extra_info("socket")
        assert sock is transport.get_extra_info("socket")
        assert sock.fileno() >= 0
        assert sock.getpeername() == client.getsockname()
        assert transport._sock.fileno() == sock.fileno()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert sock.fileno() == -1

    accept(main)


def test_each_name_is_the_same_object_every_time(accept):
    async def main(transport, protocol, client):
        names = [transport.get_extra_info(name) for name in ("peername", "sockname")]
        assert transport.get_extra_info("socket").getsockname() == names[1]
        assert all(
            transport.get_extra_info(name) is known for name, known in zip(("peername", "sockname"), names, strict=True)
        )
        assert sorted(transport._extra) == ["peername", "socket", "sockname"]
        assert transport.get_extra_info("cipher") is None
        assert transport.get_extra_info("cipher", "none") == "none"
        transport.abort()

    accept(main)


def test_the_socket_still_sends_and_receives_when_it_is_known(accept):
    async def main(transport, protocol, client):
        client.send(b"one")
        await protocol.received(3)
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client.send(b"two")
        assert await protocol.received(6) == b"onetwo"
        transport.write(b"three")
        assert client.recv(5) == b"three"
        transport.close()

    accept(main)


def test_a_transport_says_what_it_is_with_and_without_a_socket_object(accept):
    async def main(transport, protocol, client):
        before = repr(transport)
        number = transport.get_extra_info("socket").fileno()
        assert f"fd={number}" in before
        assert "closed" not in before
        assert "closing" not in repr(transport)
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert "closed" in repr(transport)

    accept(main, debug=False)


def test_closing_closes_the_fd_for_whoever_has_connected(accept):
    async def main(transport, protocol, client):
        transport.write(b"last")
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        client.settimeout(10)
        assert client.recv(10) == b"last"
        assert client.recv(10) == b""

    accept(main)


def test_an_abandoned_connection_is_closed_with_a_warning(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.settimeout(10)
            while len(loop._transports) < 1:
                await asyncio.sleep(0)
            (transport,) = loop._transports.values()
            transport.pause_reading()
            with pytest.warns(ResourceWarning, match="unclosed transport"):
                del transport
                while loop._transports:
                    await asyncio.sleep(0)
                    gc.collect()
            assert client.recv(1) == b""
        server.close()

    run(main, debug=False)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the methods have no argument yet")
def test_a_server_of_ones_own_is_told_of_its_connections(run, monkeypatch):
    told = []

    def tell(name):
        original = getattr(asyncio.base_events.Server, name)

        def method(self, transport):
            told.append((name, transport))
            original(self, transport)

        monkeypatch.setattr(asyncio.base_events.Server, name, method)

    tell("_attach")
    tell("_detach")

    async def main():
        server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            while not told:
                await asyncio.sleep(0)
            told[0][1].abort()
            server.close()
            await server.wait_closed()
        assert [name for name, _ in told] == ["_attach", "_detach"]
        told.clear()

    run(main)


def test_an_exception_of_connection_lost_is_told_with_the_callback(accept):
    async def main(transport, protocol, client):
        told = asyncio.get_running_loop().create_future()

        def is_told(loop, context):
            # The handle is looked at now: later, ours may have let go of its callback.
            told.set_result((context["message"], type(context["exception"]), repr(context["handle"])))

        def connection_lost(error):
            raise LookupError

        asyncio.get_running_loop().set_exception_handler(is_told)
        protocol.connection_lost = connection_lost
        transport.close()
        message, error, handle = await told
        assert "_call_connection_lost" in message
        assert error is LookupError
        assert "_call_connection_lost" in handle

    accept(main)


def test_closing_in_connection_made_receives_nothing(run):
    async def main():
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        class Closing(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.close()
                made.set_result(self)

        server = await loop.create_server(Closing, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.send(b"too late")
            protocol = await made
            assert await protocol.lost is None
            assert protocol.names == ["connection_made", "connection_lost"]
        server.close()

    run(main)


def test_an_fd_closed_behind_our_back_is_reported_at_the_end(accept, problems):
    async def main(transport, protocol, client):
        problems.of_this_loop()
        os.close(transport._sock_fd)
        transport.close()
        await protocol.lost
        while not problems:
            await asyncio.sleep(0)
        assert [(type(problem["exception"]), problem["exception"].errno) for problem in problems] == [
            (OSError, errno.EBADF)
        ]

    accept(main)
