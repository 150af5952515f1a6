"""A million tasks, futures, timers and connections leave nothing behind, nor do peers that misbehave.

Each piece of work is done in rounds. After some rounds everything that is kept for reuse exists, so from then
on the number of Python's memory blocks, the open files, the references to what the work touches and the memory
of the process have to stay where they are: a leaked reference, or sixteen bytes for each item, is far more than
we tolerate.
"""

import asyncio
import functools
import gc
import os
import resource
import socket
import ssl
import struct
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.may_take(minutes=20), pytest.mark.loop_kinds("ferraio", "installed")]

TOLERATED_BLOCKS = 500
TOLERATED_BYTES = 4 * 1024 * 1024


def callback(*_):
    pass


async def nothing():
    pass


async def failing():
    raise LookupError


async def tasks(number):
    for _ in range(number // 4):
        await asyncio.create_task(nothing())
    await asyncio.gather(*[nothing() for _ in range(number // 4)])
    await asyncio.wait([asyncio.create_task(nothing()) for _ in range(number // 4)])
    async with asyncio.TaskGroup() as group:
        for _ in range(number // 4):
            group.create_task(nothing())


async def tasks_that_end_badly(number):
    await asyncio.gather(*[failing() for _ in range(number // 3)], return_exceptions=True)
    cancelled = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(number // 3)]
    await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    for _ in range(number // 3):
        with suppress(LookupError):
            await asyncio.create_task(failing())


async def futures(number):
    loop = asyncio.get_running_loop()
    for _ in range(number // 2):
        future = loop.create_future()
        future.add_done_callback(callback)
        loop.call_soon(future.set_result, None)
        await future
    for _ in range(number // 2):
        future = loop.create_future()
        future.add_done_callback(callback)
        future.cancel()
    await asyncio.sleep(0)


async def timers(number):
    loop = asyncio.get_running_loop()
    for _ in range(number // 4):
        loop.call_later(3600, callback, "argument").cancel()
    for _ in range(number // 4):
        loop.call_later(0, callback, "argument")
    await asyncio.gather(*[asyncio.sleep(1e-6, "result") for _ in range(number // 4)])
    for _ in range(number // 4):
        async with asyncio.timeout(3600):
            await asyncio.sleep(0)


async def handles(number):
    loop = asyncio.get_running_loop()
    for _ in range(number // 2):
        loop.call_soon(callback, "argument")
        loop.call_soon(callback).cancel()
    for _ in range(number // 2):
        loop.call_soon_threadsafe(callback)
    await asyncio.sleep(0)


async def queues_and_locks(number):
    queue = asyncio.Queue(1)
    lock = asyncio.Lock()

    async def put():
        for item in range(number // 2):
            await queue.put(item)

    putting = asyncio.create_task(put())
    for _ in range(number // 2):
        await queue.get()
    await putting
    for _ in range(number // 2):
        async with lock:
            pass


async def connections(number):
    async def answer(reader, writer):
        writer.write(await reader.read(100))
        await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # closing resets the connection, or we would use up the machine's ports
            client = writer.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.write(b"hello")
            assert await reader.read(100) == b"hello"
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def connected_pairs(number):
    loop = asyncio.get_running_loop()
    for _ in range(number // 2):
        near, far = socket.socketpair()
        sender, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        receiver, protocol = await loop.create_connection(Receiver, sock=far)
        sender.write(b"hello")
        sender.close()
        await protocol.closed
        receiver.close()


class Receiver(asyncio.Protocol):
    def __init__(self):
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, exception):
        self.closed.set_result(None)


async def refused_connections(number):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for _ in range(number):
            with suppress(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", unused.getsockname()[1])


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def datagrams(number):
    loop = asyncio.get_running_loop()
    echo, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
    address = echo.get_extra_info("sockname")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        buffer = bytearray(100)
        for _ in range(number // 2):
            await loop.sock_sendto(sock, b"hello", address)
            assert await loop.sock_recvfrom(sock, 100) == (b"hello", address)
            await loop.sock_sendto(sock, b"hello", address)
            assert await loop.sock_recvfrom_into(sock, buffer) == (5, address)
    echo.close()


async def datagram_endpoints(number):
    loop = asyncio.get_running_loop()
    for _ in range(number):
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        transport.sendto(b"hello", transport.get_extra_info("sockname"))
        transport.close()
    await asyncio.sleep(0)


async def tls_connections(number):
    server_context, client_context = tls_contexts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context)
    for _ in range(number):
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=client_context, server_hostname="localhost"
        )
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
        writer.close()
        await writer.wait_closed()
    await until_closed(server)


async def garbage_instead_of_tls(number):
    """Handshakes that fail, and records that are none."""
    server_context, client_context = tls_contexts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context)
    for _ in range(number // 2):
        with socket.socket() as client:
            await connect(client, server)
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            while await received_or_reset(client):
                pass
        with socket.socket() as client:
            await connect(client, server)
            outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            await shake_hands(client, tls, incoming, outgoing)
            await loop.sock_sendall(client, b"?" * 100)
            while await received_or_reset(client):
                pass
    await until_closed(server)


async def peers_that_never_read(number):
    """Half a megabyte waits for each, until it is dropped by one end or the other."""
    loop = asyncio.get_running_loop()
    for _ in range(number // 2):
        for dropped_here in (True, False):
            near, far = socket.socketpair()
            transport, protocol = await loop.create_connection(Receiver, sock=near)
            while transport.get_write_buffer_size() < 500_000:
                transport.write(bytes(100_000))
            if dropped_here:
                transport.abort()
            far.close()
            await protocol.closed
            far.close()


async def resets(number):
    """Connections that are reset in the middle, while the other end reads or writes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    for _ in range(number):
        with socket.socket() as client:
            await connect(client, server)
            await loop.sock_sendall(client, b"hello")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await until_closed(server)


async def operations_given_up(number):
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        for _ in range(number):
            waiting = asyncio.ensure_future(loop.sock_recv(near, 100))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting


async def pipes(number):
    loop = asyncio.get_running_loop()
    for _ in range(number):
        near, far = os.pipe()
        _, reader = await loop.connect_read_pipe(Receiver, os.fdopen(near, "rb", buffering=0))
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(far, "wb", buffering=0))
        transport.write(b"hello")
        transport.close()
        await reader.closed
    for _ in range(3):  # turns in which the last transport ends
        await asyncio.sleep(0)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


@functools.cache
def tls_contexts():
    """One of a server and one of a client that trusts it."""
    authority = pytest.importorskip("trustme", reason="makes the certificates").CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def connect(client, server):
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, server.sockets[0].getsockname())


async def received_or_reset(client):
    try:
        return await asyncio.get_running_loop().sock_recv(client, 65536)
    except ConnectionResetError:
        return b""


async def shake_hands(client, tls, incoming, outgoing):
    loop = asyncio.get_running_loop()
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await loop.sock_sendall(client, outgoing.read())
            incoming.write(await loop.sock_recv(client, 65536))
        else:
            await loop.sock_sendall(client, outgoing.read())
            return


async def until_closed(server):
    """Close a server, and wait until none of its connections is left."""
    server.close()
    if sys.version_info >= (3, 12):
        await server.wait_closed()
    for _ in range(5):  # turns in which the last transports end
        await asyncio.sleep(0)


async def children(number):
    pipe = asyncio.subprocess.PIPE
    for _ in range(number):
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        assert await process.communicate(b"hello") == (b"hello", None)
    for _ in range(5):  # turns in which the last one's transports end
        await asyncio.sleep(0)


def bytes_in_memory():
    """The memory of this process; where the system does not tell, the most that it ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def open_files():
    """How many files this process has open."""
    return len(os.listdir("/dev/fd"))


def references(loop):
    """How often the loop, and what the work runs, are referred to."""
    return {name: sys.getrefcount(thing) for name, thing in [("loop", loop), ("callback", callback)]}


@pytest.mark.parametrize(
    ("work", "rounds", "number"),
    [
        (tasks, 100, 10_000),
        (tasks_that_end_badly, 30, 10_000),
        (futures, 100, 10_000),
        (timers, 100, 10_000),
        (handles, 100, 10_000),
        (queues_and_locks, 30, 10_000),
        (connections, 40, 100),
        (refused_connections, 40, 100),
        (datagrams, 40, 1_000),
        (datagram_endpoints, 40, 100),
        (children, 20, 20),
        (tls_connections, 20, 30),
        (garbage_instead_of_tls, 20, 30),
        (peers_that_never_read, 40, 50),
        (resets, 40, 100),
        (operations_given_up, 40, 1_000),
        (pipes, 40, 100),
    ],
)
def test_work_leaves_nothing_behind(run, work, rounds, number):
    check_that_nothing_is_left(run, work, rounds, number)


@pytest.mark.loop_kinds("installed")
def test_a_million_connections_leave_nothing_behind(run):
    check_that_nothing_is_left(run, connected_pairs, 100, 10_000)


def check_that_nothing_is_left(run, work, rounds, number):
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(rounds // 10):
            await work(number)
        gc.collect()
        before = references(loop), open_files(), sys.getallocatedblocks(), bytes_in_memory()

        for _ in range(rounds):
            await work(number)
        gc.collect()
        return before, (references(loop), open_files(), sys.getallocatedblocks(), bytes_in_memory())

    before, after = run(main)
    assert after[:2] == before[:2]
    assert after[2] - before[2] <= TOLERATED_BLOCKS
    assert after[3] - before[3] <= TOLERATED_BYTES


def test_loops_leave_nothing_behind(loop_factory):
    def round_of(number):
        for _ in range(number):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(nothing())
        gc.collect()

    round_of(100)
    files = open_files()
    blocks, memory = sys.getallocatedblocks(), bytes_in_memory()
    round_of(1_000)
    assert open_files() == files
    assert sys.getallocatedblocks() - blocks <= TOLERATED_BLOCKS
    assert bytes_in_memory() - memory <= TOLERATED_BYTES
