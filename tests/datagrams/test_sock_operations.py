"""The loop's sock_recvfrom, sock_recvfrom_into and sock_sendto."""

import asyncio
import os
import socket

import pytest

from .conftest import NETLINK_QUESTION


@pytest.fixture(params=["IPv4", "IPv6", "Unix"])
def pair(request, tmp_path):
    """Two bound datagram sockets in non-blocking mode."""
    family, addresses = {
        "IPv4": (socket.AF_INET, [("127.0.0.1", 0)] * 2),
        "IPv6": (socket.AF_INET6, [("::1", 0)] * 2),
        "Unix": (socket.AF_UNIX, [os.fspath(tmp_path / name) for name in "ab"]),
    }[request.param]
    with socket.socket(family, socket.SOCK_DGRAM) as a, socket.socket(family, socket.SOCK_DGRAM) as b:
        for sock, address in zip((a, b), addresses, strict=True):
            try:
                sock.bind(address)
            except OSError:
                pytest.skip(f"no {request.param} here")
            sock.setblocking(False)
        yield a, b


@pytest.fixture
def alone():
    """A bound UDP socket in non-blocking mode."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def test_what_is_there_is_received_at_once_with_its_address(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendto(a, b"hello", b.getsockname()) == 5
        assert await loop.sock_recvfrom(b, 100) == (b"hello", a.getsockname())
        await loop.sock_sendto(a, bytearray(b"again"), b.getsockname())
        buffer = bytearray(10)
        assert await loop.sock_recvfrom_into(b, buffer) == (5, a.getsockname())
        assert buffer[:5] == b"again"

    run(main)


def test_what_is_not_there_is_waited_for(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        receiving = asyncio.ensure_future(loop.sock_recvfrom(b, 100))
        await asyncio.sleep(0)
        assert not receiving.done()
        a.sendto(b"one", b.getsockname())
        data, address = await receiving
        assert (data, address) == (b"one", a.getsockname())
        buffer = bytearray(10)
        receiving = asyncio.ensure_future(loop.sock_recvfrom_into(b, buffer, 2))
        await asyncio.sleep(0)
        await loop.sock_sendto(a, b"two", b.getsockname())
        assert await receiving == (2, address)
        assert buffer == b"tw" + bytes(8)

    run(main)


def test_a_long_conversation(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()

        async def echo():
            while True:
                data, address = await loop.sock_recvfrom(b, 100)
                await loop.sock_sendto(b, data, address)

        task = asyncio.create_task(echo())
        for number in range(200):
            await loop.sock_sendto(a, b"%d" % number, b.getsockname())
            assert await loop.sock_recvfrom(a, 100) == (b"%d" % number, b.getsockname())
        task.cancel()

    run(main)


def test_a_full_queue_is_waited_for(run, tmp_path):
    a, b = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    with a, b:
        b.bind(os.fspath(tmp_path / "b"))
        a.setblocking(False)
        b.setblocking(False)

        async def main():
            loop = asyncio.get_running_loop()
            sent = 0
            while True:
                sending = asyncio.ensure_future(loop.sock_sendto(a, b"%04d" % sent, b.getsockname()))
                await asyncio.sleep(0)
                sent += 1
                if not sending.done():
                    break
            for number in range(sent):
                assert (await loop.sock_recvfrom(b, 100))[0] == b"%04d" % number
            assert await sending == 4

        run(main)


def test_empty_datagrams_go_and_come(run, alone):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendto(alone, b"", alone.getsockname()) == 0
        assert await loop.sock_recvfrom(alone, 100) == (b"", alone.getsockname())

    run(main)


def test_a_cancelled_operation_takes_nothing(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        receiving = asyncio.ensure_future(loop.sock_recvfrom(b, 100))
        await asyncio.sleep(0)
        receiving.cancel()
        a.sendto(b"data", b.getsockname())
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert (await loop.sock_recvfrom(b, 100))[0] == b"data"

    run(main)


def test_names_are_looked_up_by_the_socket(run, alone):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendto(alone, b"data", ("localhost", alone.getsockname()[1])) == 4
        assert (await loop.sock_recvfrom(alone, 100))[0] == b"data"

    run(main)


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("sock_sendto", ("text", ("127.0.0.1", 9)), TypeError),
        ("sock_sendto", (b"data", "text"), TypeError),
        ("sock_sendto", (b"data", None), TypeError),
        ("sock_sendto", (b"data", ("127.0.0.1", 70000)), OverflowError),
        ("sock_sendto", (bytes(70000), ("127.0.0.1", 9)), OSError),
        ("sock_recvfrom", (-1,), ValueError),
        ("sock_recvfrom", ("text",), TypeError),
        ("sock_recvfrom_into", (b"constant",), TypeError),
        ("sock_recvfrom_into", (bytearray(2), 3), ValueError),
        ("sock_recvfrom_into", (bytearray(2), -1), ValueError),
    ],
)
def test_wrong_arguments_are_refused(run, alone, operation, arguments, error):
    async def main():
        with pytest.raises(error):
            await getattr(asyncio.get_running_loop(), operation)(alone, *arguments)

    run(main)


def test_an_address_of_another_family_is_not_taken_for_one_of_this(run):
    """Even if a socket of the other family has received it before."""

    async def main():
        loop = asyncio.get_running_loop()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as v4,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as v6,
        ):
            v4.bind(("127.0.0.1", 0))
            v4.setblocking(False)
            v6.setblocking(False)
            await loop.sock_sendto(v4, b"data", v4.getsockname())
            _, address = await loop.sock_recvfrom(v4, 100)
            with pytest.raises(OSError):
                await loop.sock_sendto(v6, b"data", address)

    run(main)


def test_arguments_may_be_named(run, alone):
    async def main():
        loop = asyncio.get_running_loop()
        for receive in (
            loop.sock_recvfrom(sock=alone, bufsize=10),
            loop.sock_recvfrom_into(sock=alone, buf=bytearray(10), nbytes=4),
        ):
            await loop.sock_sendto(sock=alone, data=b"data", address=alone.getsockname())
            assert (await receive)[1] == alone.getsockname()

    run(main)


def test_a_stream_has_no_addresses(run):
    async def main():
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            b.send(b"data")
            assert await loop.sock_recvfrom(a, 100) == (b"data", None)

    run(main)


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="netlink is Linux's")
def test_families_that_only_the_socket_understands_work(run):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0) as sock:
            try:
                sock.bind((0, 0))
            except OSError:
                pytest.skip("no netlink here")
            sock.setblocking(False)
            assert await loop.sock_sendto(sock, NETLINK_QUESTION, (0, 0)) == 20
            assert (await loop.sock_recvfrom(sock, 65536))[1] == (0, 0)

    run(main)
