"""Datagram endpoints: addresses of IPv4, IPv6, Unix sockets, and families that only the socket understands."""

import contextlib
import os
import socket
import sys

import pytest

from .conftest import NETLINK_QUESTION


def test_hundreds_of_datagrams_of_many_senders_come_with_their_addresses(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        to = server.get_extra_info("sockname")
        with contextlib.ExitStack() as stack:
            senders = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(40)]
            for sender in senders:
                sender.bind(("127.0.0.1", 0))
                sender.settimeout(30)
            for number in range(5):
                for sender in senders:
                    sender.sendto(b"%d" % number, to)
                for _ in senders:
                    data, address = await at_server.datagrams.get()
                    assert data == b"%d" % number
                    server.sendto(b"%d" % address[1], address)
                for sender in senders:
                    assert sender.recv(100) == b"%d" % sender.getsockname()[1]

    play(main)


def test_an_address_given_as_another_kind_of_tuple_or_name_works(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        host, port = server.get_extra_info("sockname")
        for address in [(host, port), ("localhost", port), ("127.1", port), ("127.0.0.1\0"[:-1], port)]:
            server.sendto(b"data", address)
            assert (await at_server.datagrams.get())[0] == b"data"

    play(main)


def test_a_getaddrinfo_put_in_place_by_a_program_is_asked(play, monkeypatch):
    async def main(endpoint):
        server, at_server = await endpoint()
        asked = []

        def getaddrinfo(host, *options, **named):
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", server.get_extra_info("sockname"))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        client, _ = await endpoint(remote_addr=("somewhere.test", 80))
        client.sendto(b"data")
        assert (await at_server.datagrams.get())[0] == b"data"
        assert asked == ["somewhere.test"]

    play(main)


@pytest.mark.parametrize(
    ("address", "error"),
    [(None, TypeError), ("text", TypeError), (("127.0.0.1", "9"), TypeError), (("127.0.0.1", 70000), OverflowError)],
)
def test_an_impossible_address_ends_the_transport(play, problems, address, error):
    async def main(endpoint):
        problems.of_this_loop()
        transport, protocol = await endpoint()
        transport.sendto(b"data", address)
        assert isinstance(await protocol.lost, error)
        assert problems.messages == ["Fatal write error on datagram transport"]

    play(main)


def test_a_host_that_nobody_knows_is_an_error_of_the_protocol(play):
    async def main(endpoint):
        transport, protocol = await endpoint()
        transport.sendto(b"data", ("300.300.300.300", 9))
        assert isinstance(await protocol.errors.get(), OSError)
        assert not transport.is_closing()

    play(main)


def test_a_connected_endpoint_sends_to_its_address_only(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        to = server.get_extra_info("sockname")
        client, _ = await endpoint(remote_addr=to)
        assert client.get_extra_info("peername") == to
        client.sendto(b"1")
        client.sendto(b"2", None)
        client.sendto(b"3", to)
        client.sendto(b"4", tuple(list(to)))
        assert [(await at_server.datagrams.get())[0] for _ in range(4)] == [b"1", b"2", b"3", b"4"]
        with pytest.raises(ValueError, match=r"Invalid address: must be None or \('127.0.0.1', \d+\)"):
            client.sendto(b"5", ("127.0.0.1", 9))

    play(main)


def test_ipv6_addresses_have_four_parts(play):
    async def main(endpoint):
        try:
            server, at_server = await endpoint(local_addr=("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on the loopback")
        to = server.get_extra_info("sockname")
        assert len(to) == 4
        client, at_client = await endpoint(local_addr=("::1", 0))
        for address in (to, to[:2], to[:3], ("0:0::1", to[1])):
            client.sendto(b"data", address)
            assert await at_server.datagrams.get() == (b"data", client.get_extra_info("sockname"))
        server.sendto(b"answer", client.get_extra_info("sockname"))
        assert await at_client.datagrams.get() == (b"answer", to)

    play(main)


def test_a_wrong_flow_or_scope_ends_the_transport_as_in_asyncio(play, problems):
    async def main(endpoint):
        problems.of_this_loop()
        try:
            transport, protocol = await endpoint(local_addr=("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on the loopback")
        transport.sendto(b"data", ("::1", 9, 1 << 20, 0))
        assert isinstance(await protocol.lost, OverflowError)

    play(main)


def test_ipv4_in_ipv6_is_written_as_the_system_writes_it(play):
    async def main(endpoint):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as both:
            try:
                both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                both.bind(("::", 0))
            except OSError:
                pytest.skip("no IPv6")
            _, protocol = await endpoint(sock=both.dup())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind(("127.0.0.1", 0))
                sender.sendto(b"data", ("127.0.0.1", both.getsockname()[1]))
                data, address = await protocol.datagrams.get()
                assert (data, address) == (b"data", ("::ffff:127.0.0.1", sender.getsockname()[1], 0, 0))

    play(main)


@pytest.mark.parametrize("kind", ["path", "path with other letters", "abstract"])
def test_unix_datagrams_have_addresses(play, tmp_path, kind):
    if kind == "abstract":
        if sys.platform != "linux":
            pytest.skip("names without files are Linux's")
        address = b"\0ferraio-test-%d" % os.getpid()
    else:
        address = os.fspath(tmp_path / ("sock" if kind == "path" else "söck"))

    async def main(endpoint):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(address)
        server, at_server = await endpoint(sock=sock)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"from nobody", address)
            assert await at_server.datagrams.get() == (b"from nobody", None)
            client.bind(os.fspath(tmp_path / "client"))
            client.sendto(b"from somebody", address)
            data, sender = await at_server.datagrams.get()
            assert (data, sender) == (b"from somebody", client.getsockname())
            client.setblocking(False)
            for to in (sender, os.fsencode(sender)):
                server.sendto(b"answer", to)
                assert client.recvfrom(100) == (b"answer", server.get_extra_info("sockname"))
        server.sendto(b"too late", sender)
        assert type(await at_server.errors.get()) is ConnectionRefusedError

    play(main)


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="netlink is Linux's")
def test_netlink_works(play):
    async def main(endpoint):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0)
        try:
            sock.bind((0, 0))
        except OSError:
            pytest.skip("no netlink here")
        transport, protocol = await endpoint(sock=sock)
        transport.sendto(NETLINK_QUESTION, (0, 0))
        data, address = await protocol.datagrams.get()
        assert len(data) >= 16
        assert address == (0, 0)

    play(main)


@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="packet sockets are Linux's")
def test_packets_work(play):
    """Ethernet frames on the loopback, of a type that is kept for experiments."""
    experiment = 0x88B5

    async def main(endpoint):
        try:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(experiment))
            sock.bind(("lo", experiment))
        except OSError:
            pytest.skip("only root may send packets")
        transport, protocol = await endpoint(sock=sock)
        transport.sendto(b"a frame", sock.getsockname())
        data, address = await protocol.datagrams.get()
        assert data.rstrip(b"\0") == b"a frame"
        assert address[:2] == ("lo", experiment)

    play(main)
