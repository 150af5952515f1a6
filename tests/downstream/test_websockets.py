"""The websockets library: client and server, plain and with TLS, on one loop."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK


@pytest.fixture(params=["plain", "tls"])
def talking(request, run, server_tls, client_tls):
    """Runs a function on a connection to a server that talks as another function says."""
    tls = request.param == "tls"

    def talking(server_side, client_side, **options):
        async def main():
            async with serve(server_side, "127.0.0.1", 0, ssl=server_tls if tls else None, **options) as server:
                port = server.sockets[0].getsockname()[1]
                address = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"
                async with connect(address, ssl=client_tls if tls else None, **options) as socket:
                    await client_side(socket)

        run(main)

    return talking


async def echo(socket):
    async for message in socket:
        await socket.send(message)


def test_messages_of_all_sizes_come_back(talking):
    async def client_side(socket):
        for message in ("", "word", b"\x00\xff", "ä" * 70_000, b"x" * 500_000):
            await socket.send(message)
            assert await socket.recv() == message

    talking(echo, client_side)


def test_many_messages_are_sent_before_any_is_read(talking):
    async def client_side(socket):
        async def send():
            for number in range(1000):
                await socket.send(str(number))

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            for number in range(1000):
                assert await socket.recv() == str(number)

    talking(echo, client_side)


def test_a_message_in_fragments_is_put_together(talking):
    async def client_side(socket):
        await socket.send(["in ", "three ", "pieces"])
        assert await socket.recv() == "in three pieces"

    talking(echo, client_side)


def test_a_ping_is_answered(talking):
    async def client_side(socket):
        assert await (await socket.ping()) >= 0

    talking(echo, client_side)


def test_the_server_says_why_it_closes(talking):
    async def server_side(socket):
        await socket.recv()
        await socket.close(4001, "enough")

    async def client_side(socket):
        await socket.send("hello")
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")

    talking(server_side, client_side)


def test_iterating_ends_when_the_peer_closes_in_peace(talking):
    async def server_side(socket):
        for word in ("one", "two"):
            await socket.send(word)

    async def client_side(socket):
        assert [message async for message in socket] == ["one", "two"]
        with pytest.raises(ConnectionClosedOK):
            await socket.send("late")

    talking(server_side, client_side)


def test_a_receiver_that_is_cancelled_loses_nothing(talking):
    async def client_side(socket):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await socket.recv()
        await socket.send("word")
        assert await socket.recv() == "word"

    talking(echo, client_side)


def test_a_peer_that_does_not_answer_pings_is_given_up(talking):
    async def server_side(socket):
        await socket.wait_closed()

    async def client_side(socket):
        socket.transport.pause_reading()
        with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            await socket.recv()

    talking(server_side, client_side, ping_interval=0.05, ping_timeout=0.05, close_timeout=0.05)
