"""Datagram endpoints: UDP over IPv4 and IPv6, Unix datagrams, and families that only the socket understands."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
import weakref

import pytest
from ferraio._transports import DatagramTransport

#: Up to 3.12 asyncio drops an empty datagram instead of sending it, and counts no header of a queued one.
HEADER = 8 if sys.version_info >= (3, 13) else 0
SENDS_EMPTY = sys.version_info >= (3, 13)


class Recorder(asyncio.DatagramProtocol):
    """Notes each call, and lets a test wait for it."""

    def __init__(self):
        loop = asyncio.get_running_loop()
        self.calls = []
        self.datagrams = asyncio.Queue()
        self.errors = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.lost = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.calls.append("connection_made")

    def datagram_received(self, data, addr):
        self.datagrams.put_nowait((data, addr))

    def error_received(self, exc):
        self.errors.put_nowait(exc)

    def pause_writing(self):
        self.calls.append("pause_writing")

    def resume_writing(self):
        self.calls.append("resume_writing")
        self.resumed.set()

    def connection_lost(self, exc):
        self.calls.append("connection_lost")
        self.lost.set_result(exc)


@pytest.fixture
def play(run):
    """Runs a story: `play(main)` calls `main(endpoint)`; `await endpoint(...)` gives a (transport, Recorder)."""

    def play(main, **options):
        async def story():
            transports = []

            async def endpoint(factory=Recorder, **arguments):
                if not arguments:
                    arguments = {"local_addr": ("127.0.0.1", 0)}
                loop = asyncio.get_running_loop()
                transport, protocol = await loop.create_datagram_endpoint(factory, **arguments)
                transports.append(transport)
                return transport, protocol

            try:
                async with asyncio.timeout(30):
                    return await main(endpoint)
            finally:
                for transport in transports:
                    if not transport.is_closing():
                        transport.abort()
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        return run(story, **options)

    return play


def unix_pair():
    """Two connected Unix datagram sockets, the second in non-blocking mode."""
    ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    peer.setblocking(False)
    return ours, peer


def named_pair(directory):
    """Two Unix datagram sockets with paths; the first is connected to the second, which is in non-blocking mode."""
    ours, peer = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    ours.bind(os.fspath(directory / "ours"))
    peer.bind(os.fspath(directory / "peer"))
    ours.connect(peer.getsockname())
    peer.setblocking(False)
    return ours, peer


def fill(transport, data=b"x" * 1024):
    """Send until one datagram waits; return how many were sent, the waiting one among them."""
    count = 0
    while not transport.get_write_buffer_size():
        transport.sendto(data)
        count += 1
    return count


def drain(sock):
    """Receive all there is; return how many datagrams."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(65536)
            count += 1
    return count


def test_datagrams_go_back_and_forth(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        client, at_client = await endpoint(remote_addr=server.get_extra_info("sockname"))
        client.sendto(b"question")
        data, address = await at_server.datagrams.get()
        assert (data, address) == (b"question", client.get_extra_info("sockname"))
        server.sendto(b"answer", address)
        assert await at_client.datagrams.get() == (b"answer", server.get_extra_info("sockname"))

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_transport_is_in_rust(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        assert type(transport) is DatagramTransport

    play(main)


def test_it_is_an_asyncio_transport_that_can_be_patched_and_weakly_referenced(play):
    async def main(endpoint):
        transport, protocol = await endpoint()
        assert isinstance(transport, asyncio.Transport)
        if sys.version_info >= (3, 12):
            assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport.get_extra_info("socket"), asyncio.trsock.TransportSocket)
        assert transport.get_extra_info("peername") is None
        assert transport.get_extra_info("nothing", "default") == "default"
        assert transport.get_protocol() is protocol
        assert weakref.ref(transport)() is transport
        sent = []
        transport.sendto = lambda data, addr=None: sent.append(data)
        transport.sendto(b"kept")
        assert sent == [b"kept"]

    play(main)


def test_its_repr_tells_its_state(play):
    async def main(endpoint):
        transport, protocol = await endpoint()
        assert f"fd={transport.get_extra_info('socket').fileno()} read=polling write=<idle, bufsize=0>" in repr(
            transport
        )
        transport.close()
        assert "closing" in repr(transport)
        await protocol.lost
        await asyncio.sleep(0)
        assert "closed" in repr(transport)

    play(main)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
def test_anything_like_bytes_can_be_sent(play, make):
    async def main(endpoint):
        server, at_server = await endpoint()
        server.sendto(make(b"data"), server.get_extra_info("sockname"))
        assert (await at_server.datagrams.get())[0] == b"data"

    play(main)


def test_sending_something_else_is_a_type_error(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        with pytest.raises(TypeError, match="data argument must be a bytes-like object, not 'str'"):
            transport.sendto("text", ("127.0.0.1", 9))

    play(main)


def test_empty_datagrams_arrive(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", server.get_extra_info("sockname"))
            assert await at_server.datagrams.get() == (b"", ("127.0.0.1", sender.getsockname()[1]))
        server.sendto(b"", server.get_extra_info("sockname"))
        server.sendto(b"end", server.get_extra_info("sockname"))
        received = [(await at_server.datagrams.get())[0]]
        if SENDS_EMPTY:
            received.append((await at_server.datagrams.get())[0])
        assert received == ([b"", b"end"] if SENDS_EMPTY else [b"end"])

    play(main)


def test_the_longest_datagram_arrives_whole(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        longest = os.urandom(65507)
        server.sendto(longest, server.get_extra_info("sockname"))
        assert (await at_server.datagrams.get())[0] == longest
        server.sendto(longest + b"x", server.get_extra_info("sockname"))
        assert isinstance(await at_server.errors.get(), OSError)

    play(main)


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


def test_a_burst_is_received_in_order(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for burst in range(20):
                for number in range(burst):
                    sender.sendto(b"%d" % number, server.get_extra_info("sockname"))
                for number in range(burst):
                    assert (await at_server.datagrams.get())[0] == b"%d" % number

    play(main)


def test_an_address_given_as_another_kind_of_tuple_or_name_works(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        host, port = server.get_extra_info("sockname")
        for address in [(host, port), ("localhost", port), ("127.1", port), ("127.0.0.1\0"[:-1], port)]:
            server.sendto(b"data", address)
            assert (await at_server.datagrams.get())[0] == b"data"

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


def test_nobody_there_is_an_error_of_the_protocol(play):
    async def main(endpoint):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = nobody.getsockname()
        client, at_client = await endpoint(remote_addr=address)
        client.sendto(b"hello?")
        assert type(await at_client.errors.get()) is ConnectionRefusedError
        assert not client.is_closing()

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
        # RTM_GETLINK as a dump: length, type, flags, sequence, pid, and an empty body.
        message = (20).to_bytes(4, sys.byteorder) + (18).to_bytes(2, sys.byteorder)
        message += (0x301).to_bytes(2, sys.byteorder) + bytes(12)
        transport.sendto(message, (0, 0))
        data, address = await protocol.datagrams.get()
        assert len(data) >= 16
        assert address == (0, 0)

    play(main)


def test_a_socket_with_methods_of_its_own_is_asked(play):
    class Counting(socket.socket):
        sent = 0

        def sendto(self, *arguments):
            self.sent += 1
            return super().sendto(*arguments)

    async def main(endpoint):
        sock = Counting(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, protocol = await endpoint(sock=sock)
        transport.sendto(b"data", sock.getsockname())
        assert (await protocol.datagrams.get())[0] == b"data"
        assert sock.sent == 1

    play(main)


def test_an_exception_of_datagram_received_is_reported_and_nothing_else(play, problems):
    class Failing(Recorder):
        def datagram_received(self, data, addr):
            if data == b"bad":
                raise LookupError(data)
            super().datagram_received(data, addr)

    async def main(endpoint):
        problems.of_this_loop()
        transport, protocol = await endpoint(Failing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for data in (b"1", b"bad", b"2"):
            transport.sendto(data, to)
        assert [(await protocol.datagrams.get())[0] for _ in range(2)] == [b"1", b"2"]
        assert [type(problem["exception"]) for problem in problems] == [LookupError]

    play(main)


def test_nothing_is_given_after_close(play):
    class Closing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.close()

    async def main(endpoint):
        transport, protocol = await endpoint(Closing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for number in range(10):
            transport.sendto(b"%d" % number, to)
        assert await protocol.lost is None
        assert protocol.datagrams.qsize() == 1
        assert protocol.calls == ["connection_made", "connection_lost"]

    play(main)


def test_reading_can_be_paused(play):
    class Pausing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    async def main(endpoint):
        transport, protocol = await endpoint(Pausing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for number in range(3):
            transport.sendto(b"%d" % number, to)
        for number in range(3):
            assert await protocol.datagrams.get() == (b"%d" % number, to)
            assert protocol.datagrams.empty()
            assert not transport.is_reading()
            transport.resume_reading()
            assert transport.is_reading()

    play(main)


def test_the_protocol_can_be_exchanged(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        other = Recorder()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        assert (await other.datagrams.get())[0] == b"data"

    play(main)


def test_what_the_kernel_does_not_take_is_sent_later_in_order(play, tmp_path):
    ours, peer = named_pair(tmp_path)

    async def main(endpoint):
        transport, _ = await endpoint(sock=ours)
        sent = 0
        while not transport.get_write_buffer_size():
            transport.sendto(b"%04d" % sent)
            sent += 1
        assert transport.get_write_buffer_size() == 4 + HEADER
        for number in range(sent, sent + 10):
            transport.sendto(b"%04d" % number)
        assert transport.get_write_buffer_size() == 11 * (4 + HEADER)
        loop = asyncio.get_running_loop()
        for number in range(sent + 10):
            assert await loop.sock_recv(peer, 100) == b"%04d" % number
        # asyncio of the first 3.13s counts a header in, and never out again.
        if isinstance(transport, DatagramTransport):
            assert transport.get_write_buffer_size() == 0

    with peer:
        play(main)


def test_queued_memory_may_be_changed_by_its_owner(play, tmp_path):
    ours, peer = named_pair(tmp_path)

    async def main(endpoint):
        transport, _ = await endpoint(sock=ours)
        count = fill(transport)
        memory = bytearray(b"before")
        transport.sendto(memory)
        transport.sendto(memoryview(memory)[2:4])
        memory[:] = b"after!"
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.sock_recv(peer, 65536)
        assert await loop.sock_recv(peer, 100) == b"before"
        assert await loop.sock_recv(peer, 100) == b"fo"

    with peer:
        play(main)


def test_the_protocol_is_paused_and_resumed(play, tmp_path):
    ours, peer = named_pair(tmp_path)

    async def main(endpoint):
        transport, protocol = await endpoint(sock=ours)
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=3000)
        assert transport.get_write_buffer_limits() == (750, 3000)
        fill(transport)
        transport.sendto(b"x" * 1024)
        assert protocol.calls == ["connection_made"]
        transport.sendto(b"x" * 1024)
        assert protocol.calls == ["connection_made", "pause_writing"]
        loop = asyncio.get_running_loop()
        while not protocol.resumed.is_set():
            if not drain(peer):
                await asyncio.sleep(0)
        assert protocol.calls == ["connection_made", "pause_writing", "resume_writing"]
        loop.call_soon(drain, peer)

    with peer:
        play(main)


def test_close_sends_what_waits_and_abort_does_not(play, tmp_path):
    async def main(endpoint):
        for end in ("close", "abort"):
            directory = tmp_path / end
            directory.mkdir()
            ours, peer = named_pair(directory)
            with peer:
                transport, protocol = await endpoint(sock=ours)
                count = fill(transport)
                getattr(transport, end)()
                assert transport.is_closing()
                received = 0
                while not protocol.lost.done():
                    received += drain(peer)
                    await asyncio.sleep(0)
                received += drain(peer)
                assert protocol.lost.result() is None
                assert received == (count if end == "close" else count - 1)
                assert ours.fileno() == -1

    play(main)


def test_the_other_end_of_a_full_queue_goes_away(play, tmp_path):
    ours, peer = named_pair(tmp_path)

    async def main(endpoint):
        transport, protocol = await endpoint(sock=ours)
        fill(transport)
        peer.close()
        assert isinstance(await protocol.errors.get(), OSError)

    play(main)


def test_who_keeps_on_sending_to_a_closed_one_is_warned(play, caplog):
    async def main(endpoint):
        server, _ = await endpoint()
        client, protocol = await endpoint(remote_addr=server.get_extra_info("sockname"))
        client.close()
        for _ in range(4):
            client.sendto(b"too late")
        assert not caplog.records
        for _ in range(2):
            client.sendto(b"too late")
        assert [record.getMessage() for record in caplog.records] == ["socket.send() raised exception."] * 2
        await protocol.lost

    play(main)


def test_after_the_end_the_transport_lets_go_of_everything(play):
    async def main(endpoint):
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Recorder, local_addr=("127.0.0.1", 0))
        transport.close()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        reference = weakref.ref(protocol)
        del protocol
        gc.collect()
        assert reference() is None
        assert transport.is_closing()

    play(main)


def test_an_unclosed_transport_warns_and_closes_its_socket(play):
    async def main(endpoint):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Recorder, sock=sock)
        transport.pause_reading()
        protocol.transport = None
        del protocol
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            del transport
            gc.collect()
        assert sock.fileno() == -1

    play(main)


def test_the_fd_of_a_transport_is_nobody_elses(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(transport.get_extra_info("socket").fileno(), print)

    play(main)


def test_callbacks_run_in_the_context_in_which_the_endpoint_was_made(play):
    import contextvars

    variable = contextvars.ContextVar("variable", default="default")

    class Looking(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(variable.get(), addr)

    async def main(endpoint):
        variable.set("inside")
        transport, protocol = await endpoint(Looking, local_addr=("127.0.0.1", 0))
        variable.set("later")
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        assert (await protocol.datagrams.get())[0] == "inside"

    play(main)


def test_a_system_exit_in_datagram_received_stops_the_loop(new_loop):
    class Leaving(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            raise SystemExit(7)

    loop = new_loop()
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(Leaving, local_addr=("127.0.0.1", 0)))
    transport.sendto(b"data", transport.get_extra_info("sockname"))
    with pytest.raises(SystemExit):
        loop.run_forever()
    transport.close()
    loop.run_until_complete(asyncio.sleep(0))


def test_debug_mode_tells_what_a_transport_does(play, caplog):
    caplog.set_level("DEBUG", "asyncio")

    async def main(endpoint):
        transport, protocol = await endpoint()
        transport.pause_reading()
        transport.resume_reading()
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        await protocol.datagrams.get()

    play(main, debug=True)
    text = caplog.text
    assert "pauses reading" in text
    assert "resumes reading" in text


@pytest.mark.loop_kinds("ferraio")
def test_a_transport_wants_a_loop_of_ours():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(TypeError, match=r"ferraio\.EventLoop"),
    ):
        DatagramTransport(object(), sock, object())
