"""Connecting: names are looked up where programs expect it, and addresses are tried in turn or side by side."""

import asyncio
import socket
import sys

import pytest
from recording import Recorder


@pytest.fixture
def names(monkeypatch):
    """Names and their addresses, for socket.getaddrinfo: a dict to be filled."""
    known = {}

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "nobody knows it")
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for address in known[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def refusing_address():
    """An address of this machine at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()


async def listen():
    server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()


def test_a_getaddrinfo_put_in_place_by_a_program_is_asked(run, names):
    async def main():
        loop = asyncio.get_running_loop()
        names["127.0.0.1"] = [("127.0.0.1", 0)]
        server, address = await listen()
        names["somewhere.test"] = [address]
        transport, _ = await loop.create_connection(Recorder, "somewhere.test", 80)
        assert transport.get_extra_info("peername") == address
        transport.abort()
        with pytest.raises(socket.gaierror):
            await loop.create_connection(Recorder, "nowhere.test", 80)
        assert (await loop.getaddrinfo("somewhere.test", 80))[0][4] == address
        server.close()

    run(main)


def test_a_loops_own_getaddrinfo_is_asked(run):
    async def main():
        loop = asyncio.get_running_loop()
        server, address = await listen()

        async def getaddrinfo(host, port, **options):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

        loop.getaddrinfo = getaddrinfo
        transport, _ = await loop.create_connection(Recorder, "anywhere.test", 80)
        assert transport.get_extra_info("peername") == address
        transport.abort()
        server.close()

    run(main)


def test_a_numeric_address_is_not_looked_up(run, names):
    async def main():
        loop = asyncio.get_running_loop()
        names["127.0.0.1"] = [("127.0.0.1", 0)]
        server, address = await listen()
        names.clear()
        transport, _ = await loop.create_connection(Recorder, *address)
        transport.abort()
        server.close()

    run(main)


def test_the_next_address_is_tried_when_one_refuses(run, names):
    async def main():
        loop = asyncio.get_running_loop()
        names["127.0.0.1"] = [("127.0.0.1", 0)]
        server, address = await listen()
        names["twice.test"] = [refusing_address(), address]
        transport, _ = await loop.create_connection(Recorder, "twice.test", 80)
        assert transport.get_extra_info("peername") == address
        transport.abort()
        names["twice.test"] = [refusing_address(), refusing_address()]
        with pytest.raises(OSError, match=r"Multiple exceptions|Connect call failed"):
            await loop.create_connection(Recorder, "twice.test", 80)
        server.close()

    run(main)


def test_happy_eyeballs_take_the_second_address_while_the_first_says_nothing(run, names, monkeypatch):
    """The first address is one to which the attempt to connect never comes to an end."""

    async def main():
        loop = asyncio.get_running_loop()
        names["127.0.0.1"] = [("127.0.0.1", 0)]
        server, address = await listen()
        silent = ("127.0.0.2", address[1])
        names["slow.test"] = [silent, address]
        connect = loop.sock_connect
        tried = []

        async def sock_connect(sock, to):
            tried.append(to)
            if to == silent:
                await loop.create_future()
            await connect(sock, to)

        loop.sock_connect = sock_connect
        transport, protocol = await loop.create_connection(Recorder, "slow.test", 80, happy_eyeballs_delay=0.01)
        assert transport.get_extra_info("peername") == address
        assert tried == [silent, address]
        transport.abort()
        await protocol.lost
        server.close()

    run(main)


def test_happy_eyeballs_tell_why_all_have_failed(run, names):
    async def main():
        loop = asyncio.get_running_loop()
        names["closed.test"] = [refusing_address(), refusing_address()]
        with pytest.raises(OSError):
            await loop.create_connection(Recorder, "closed.test", 80, happy_eyeballs_delay=0.01)
        if sys.version_info >= (3, 12):
            with pytest.raises(ExceptionGroup) as raised:
                await loop.create_connection(Recorder, "closed.test", 80, happy_eyeballs_delay=0.01, all_errors=True)
            assert [type(error) for error in raised.value.exceptions] == [ConnectionRefusedError] * 2

    run(main)


def test_local_addresses_are_bound(run):
    async def main():
        loop = asyncio.get_running_loop()
        server, address = await listen()
        transport, _ = await loop.create_connection(Recorder, *address, local_addr=("127.0.0.1", 0))
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"
        transport.abort()
        server.close()

    run(main)


def test_sock_connect_says_what_is_wrong(run):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(sock, refusing_address())
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            with pytest.raises(FileNotFoundError):
                await loop.sock_connect(sock, "/nowhere/nothing")

    run(main)
