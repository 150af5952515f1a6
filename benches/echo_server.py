"""The echo server under test: `python -m benches.echo_server PEER STYLE [CERTIFICATE]`.

It prints an address that echoes (a port, a path, or `udp:` and a port) and a port that tells: whatever arrives
there is answered with the CPU time that this process has used so far, in nanoseconds. So the client can set
its marks around the requests that count, and the code under test carries nothing for the measurement. The
server ends when the telling connection does.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import tempfile
import time

from benches import web_servers
from benches.peers import PEERS

READ_SIZE = 100 * 1024


class EchoProtocol(asyncio.Protocol):
    """What arrives goes back."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class TellCpuTime(asyncio.Protocol):
    """The telling port."""

    def __init__(self, ended):
        self.ended = ended

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"%d\n" % time.process_time_ns())

    def connection_lost(self, exc):
        self.ended.set_result(None)


async def serve(style):
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    teller = await loop.create_server(lambda: TellCpuTime(ended), "127.0.0.1", 0)
    async with STYLES[style]() as address:
        print(address, _port(teller), flush=True)
        await ended
    teller.close()


@contextlib.asynccontextmanager
async def protocol():
    """create_server, and a Protocol that writes what it receives."""
    server = await asyncio.get_running_loop().create_server(EchoProtocol, "127.0.0.1", 0)
    yield _port(server)
    server.close()


@contextlib.asynccontextmanager
async def tls():
    """The same protocol over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server = await asyncio.get_running_loop().create_server(EchoProtocol, "127.0.0.1", 0, ssl=context)
    yield _port(server)
    server.close()


async def echo_stream(reader, writer):
    """What arrives goes back."""
    while data := await reader.read(READ_SIZE):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def streams():
    """start_server, and a handler that reads, writes and drains."""
    server = await asyncio.start_server(echo_stream, "127.0.0.1", 0)
    yield _port(server)
    server.close()


@contextlib.asynccontextmanager
async def sockets():
    """sock_accept, sock_recv and sock_sendall."""
    loop = asyncio.get_running_loop()
    echoes = set()

    async def accept(listener):
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            echoes.add(asyncio.create_task(echo(connection)))

    async def echo(connection):
        with connection:
            while data := await loop.sock_recv(connection, READ_SIZE):
                await loop.sock_sendall(connection, data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(accept(listener))
        yield listener.getsockname()[1]
        accepting.cancel()
        await asyncio.wait([accepting])


class EchoDatagrams(asyncio.DatagramProtocol):
    """What arrives goes back to where it came from."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


@contextlib.asynccontextmanager
async def udp():
    """create_datagram_endpoint, and a DatagramProtocol that sends back what it receives."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
    yield f"udp:{transport.get_extra_info('sockname')[1]}"
    transport.close()


@contextlib.asynccontextmanager
async def udp_sockets():
    """sock_recvfrom and sock_sendto."""
    loop = asyncio.get_running_loop()

    async def echo(sock):
        while True:
            data, address = await loop.sock_recvfrom(sock, READ_SIZE)
            await loop.sock_sendto(sock, data, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        echoing = asyncio.create_task(echo(sock))
        yield f"udp:{sock.getsockname()[1]}"
        echoing.cancel()
        await asyncio.wait([echoing])


@contextlib.asynccontextmanager
async def unix():
    """create_unix_server, and a Protocol that writes what it receives."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "socket")
        server = await asyncio.get_running_loop().create_unix_server(EchoProtocol, path)
        yield path
        server.close()


STYLES = {"protocol": protocol, "tls": tls, "streams": streams, "sockets": sockets}
STYLES |= {"protocol_cold": protocol}
STYLES |= {"udp": udp, "udp_sockets": udp_sockets, "unix": unix}
STYLES |= {"uvicorn": web_servers.uvicorn, "aiohttp": web_servers.aiohttp}


def _port(server):
    return server.sockets[0].getsockname()[1]


def warm_allocator():
    """Leave free blocks in the middle of the heap, as any process has that has run for a while.

    asyncio and rloop take 256 KiB for every read. At the very top of a fresh heap each such block is mapped
    and unmapped again, which would triple their cost and say nothing about a real server.
    """
    blocks = [bytes(512 * 1024) for _ in range(2)]
    del blocks  # Freed once, blocks of this size come from the heap.
    blocks = [bytes(400 * 1024) for _ in range(16)]
    del blocks[:-1]
    return blocks


def main():
    peer, style = PEERS[sys.argv[1]], sys.argv[2]
    peer.enter()
    kept = [] if style.endswith("_cold") else warm_allocator()
    with asyncio.Runner(loop_factory=peer.new_event_loop) as runner:
        runner.run(serve(style))
    del kept


if __name__ == "__main__":
    main()
