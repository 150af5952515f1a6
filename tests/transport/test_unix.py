"""Unix stream sockets: servers and connections by path, by name, and by socket."""

import asyncio
import os
import socket
import sys

import pytest
from recording import Recorder


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


@pytest.mark.parametrize("make", [str, os.fsencode, lambda path: path], ids=["str", "bytes", "Path"])
def test_a_path_may_be_given_in_each_way(run, tmp_path, make):
    path = make(tmp_path / "socket")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        assert transport.get_extra_info("peername") == str(tmp_path / "socket")
        transport.write(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        transport.close()
        assert await protocol.lost is None
        server.close()

    run(main)


@pytest.mark.skipif(sys.platform != "linux", reason="names without files are Linux's")
@pytest.mark.parametrize("make", [str, str.encode], ids=["str", "bytes"])
def test_a_name_without_a_file_works(run, make):
    name = make(f"\0ferraio-test-{os.getpid()}")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, name)
        transport, protocol = await loop.create_unix_connection(Recorder, name)
        transport.write(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        transport.abort()
        await protocol.lost
        server.close()

    run(main)


def test_streams_over_unix_sockets(run, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        async def answer(reader, writer):
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()

        async with await asyncio.start_unix_server(answer, path):
            reader, writer = await asyncio.open_unix_connection(path)
            for number in range(50):
                writer.write(b"line %d\n" % number)
                assert await reader.readline() == b"LINE %d\n" % number
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(main)


def test_megabytes_go_both_ways(run, tmp_path):
    path = str(tmp_path / "socket")
    data = os.urandom(1 << 21)

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        transport.write(data)
        await protocol.until(lambda: len(protocol.data) == len(data))
        assert protocol.data == data
        transport.close()
        await protocol.lost
        server.close()

    run(main)


def test_a_stale_socket_is_replaced_and_a_file_is_not(run, tmp_path):
    stale, file = tmp_path / "stale", tmp_path / "file"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    file.write_bytes(b"precious")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, stale)
        server.close()
        with pytest.raises(OSError, match=r"Address .* is already in use"):
            await loop.create_unix_server(Echo, file)
        assert file.read_bytes() == b"precious"

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 a server leaves its socket behind")
@pytest.mark.parametrize("cleanup", [True, False])
def test_a_closed_server_removes_its_socket(run, tmp_path, cleanup):
    path = tmp_path / "socket"

    async def main():
        server = await asyncio.get_running_loop().create_unix_server(Echo, path, cleanup_socket=cleanup)
        assert path.exists()
        server.close()
        assert path.exists() is not cleanup

    run(main)


def test_connecting_says_what_is_wrong(run, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(FileNotFoundError):
            await loop.create_unix_connection(Recorder, tmp_path / "nothing")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(tmp_path / "silent"))
        with pytest.raises(ConnectionRefusedError):
            await loop.create_unix_connection(Recorder, tmp_path / "silent")
        with socket.socket() as sock, pytest.raises(ValueError, match="A UNIX Domain Stream Socket was expected"):
            await loop.create_unix_connection(Recorder, sock=sock)

    run(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_transports_are_in_rust(run, tmp_path):
    from ferraio._transports import SocketTransport

    async def main():
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        class Made(asyncio.Protocol):
            def connection_made(self, transport):
                made.set_result(transport)

        server = await loop.create_unix_server(Made, tmp_path / "socket")
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, tmp_path / "socket")
        assert type(transport) is type(await made) is SocketTransport
        transport.abort()
        (await made).abort()
        server.close()

    run(main)
