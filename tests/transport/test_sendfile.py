"""loop.sendfile and loop.sock_sendfile."""

import asyncio
import io
import socket

import pytest
from tcp_sockets import reset, tcp_pair

DATA = bytes(range(256)) * 8192


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with path.open("rb") as opened:
        yield opened


@pytest.mark.parametrize(("offset", "count"), [(0, None), (1000, None), (1000, 500_000), (0, 1)])
def test_a_part_of_a_file_is_sent(play, file, offset, count):
    expected = DATA[offset:] if count is None else DATA[offset : offset + count]

    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        receiving = asyncio.create_task(pair.receive_all())
        assert await loop.sendfile(pair.transport, file, offset, count) == len(expected)
        assert file.tell() == offset + len(expected)
        pair.transport.close()
        assert await receiving == expected

    play(main)


def test_reading_is_paused_meanwhile_and_goes_on_afterwards(play, file):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        sending = asyncio.create_task(loop.sendfile(pair.transport, file))
        await asyncio.sleep(0)
        assert not pair.transport.is_reading()
        await pair.send(b"from the peer")
        received = 0
        while received < len(DATA):
            received += len(await pair.receive())
        assert await sending == len(DATA)
        assert pair.transport.is_reading()
        await pair.protocol.until(lambda: pair.protocol.data == b"from the peer")

    play(main)


def test_what_is_no_file_is_read_and_written(play):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        receiving = asyncio.create_task(pair.receive_all())
        assert await loop.sendfile(pair.transport, io.BytesIO(DATA)) == len(DATA)
        with pytest.raises(asyncio.SendfileNotAvailableError):
            await loop.sendfile(pair.transport, io.BytesIO(DATA), fallback=False)
        pair.transport.close()
        assert await receiving == DATA

    play(main)


def test_a_closed_transport_sends_no_file(play, file):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        pair.transport.close()
        with pytest.raises(RuntimeError, match="Transport is closing"):
            await loop.sendfile(pair.transport, file)

    play(main)


def test_a_datagram_transport_sends_no_file(run, file):
    async def main():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        with pytest.raises(RuntimeError, match="sendfile is not supported"):
            await loop.sendfile(transport, file)
        transport.close()

    run(main)


def test_a_peer_that_resets_ends_it(play, file):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect(sockets=tcp_pair)
        pair.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sending = asyncio.create_task(loop.sendfile(pair.transport, file))
        await pair.receive(1000)
        reset(pair.peer)
        with pytest.raises(ConnectionError):
            await sending

    play(main)


def test_it_can_be_cancelled(play, file):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        sending = asyncio.create_task(loop.sendfile(pair.transport, file))
        await pair.receive(1000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        pair.transport.write(b"more")
        assert pair.transport.is_reading()

    play(main)


def test_a_socket_sends_a_file(run, file):
    async def main():
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            b.setblocking(False)
            sending = asyncio.ensure_future(loop.sock_sendfile(a, file, 10))
            received = bytearray()
            while len(received) < len(DATA) - 10:
                received += await loop.sock_recv(b, 1 << 20)
            assert await sending == len(DATA) - 10
            assert received == DATA[10:]
            assert file.tell() == len(DATA)
            sending = asyncio.ensure_future(loop.sock_sendfile(a, io.BytesIO(b"small")))
            assert await loop.sock_recv(b, 100) == b"small"
            assert await sending == 5

    run(main)


def test_without_the_fallback_a_socket_sends_files_only(run, file):
    async def main():
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            b.setblocking(False)
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sock_sendfile(a, io.BytesIO(b"small"), fallback=False)
            assert await loop.sock_sendfile(a, file, 5, 10, fallback=False) == 10
            assert await loop.sock_recv(b, 100) == DATA[5:15]

    run(main)
