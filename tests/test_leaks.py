"""A million tasks, futures, timers and connections leave nothing behind.

Each piece of work is done in rounds. After some rounds everything that is kept for reuse exists, so from then
on the number of Python's memory blocks, the references to what the work touches and the memory of the process
have to stay where they are: a leaked reference, or sixteen bytes for each item, is far more than we tolerate.
"""

import asyncio
import gc
import os
import resource
import socket
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
        before = references(loop), sys.getallocatedblocks(), bytes_in_memory()

        for _ in range(rounds):
            await work(number)
        gc.collect()
        return before, (references(loop), sys.getallocatedblocks(), bytes_in_memory())

    before, after = run(main)
    assert after[0] == before[0]
    assert after[1] - before[1] <= TOLERATED_BLOCKS
    assert after[2] - before[2] <= TOLERATED_BYTES


def test_loops_leave_nothing_behind(loop_factory):
    def round_of(number):
        for _ in range(number):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(nothing())
        gc.collect()

    round_of(100)
    open_files = os.listdir("/dev/fd")
    blocks, memory = sys.getallocatedblocks(), bytes_in_memory()
    round_of(1_000)
    assert len(os.listdir("/dev/fd")) == len(open_files)
    assert sys.getallocatedblocks() - blocks <= TOLERATED_BLOCKS
    assert bytes_in_memory() - memory <= TOLERATED_BYTES
