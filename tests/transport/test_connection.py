"""How a connection begins and ends, and what a transport tells about itself."""

import asyncio
import gc
import logging
import os
import resource
import socket
import weakref

import pytest
from recording import Recorder
from tcp_sockets import tcp_pair


def test_it_is_an_asyncio_transport(play):
    async def main(connect):
        transport = (await connect()).transport
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(transport, asyncio.transports._FlowControlMixin)
        transport.note = "attributes can be set"
        assert weakref.ref(transport)() is transport

    play(main)


def test_methods_can_be_patched_on_one_transport(play):
    async def main(connect):
        pair = await connect()
        written = []
        pair.transport.write = written.append
        pair.transport.write(b"x")
        assert written == [b"x"]

    play(main)


def test_it_knows_its_socket_and_addresses(play):
    async def main(connect):
        pair = await connect(sockets=tcp_pair)
        transport = pair.transport
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert transport.get_extra_info("socket") is sock
        assert transport.get_extra_info("sockname") == sock.getsockname() == pair.peer.getpeername()
        assert transport.get_extra_info("peername") == pair.peer.getsockname()
        assert transport.get_extra_info("cipher") is None
        assert transport.get_extra_info("cipher", "none") == "none"
        assert transport.get_extra_info("cipher", default=3) == 3
        transport.abort()
        await pair.protocol.lost
        assert transport.get_extra_info("peername") == pair.peer.getsockname()

    play(main)


def test_its_repr_tells_its_state(play):
    async def main(connect):
        pair = await connect()
        transport = pair.transport
        name, fd = type(transport).__name__, transport.get_extra_info("socket").fileno()
        await asyncio.sleep(0)
        assert repr(transport) == f"<{name} fd={fd} read=polling write=<idle, bufsize=0>>"
        transport.pause_reading()
        await pair.fill()
        size = transport.get_write_buffer_size()
        assert repr(transport) == f"<{name} fd={fd} read=idle write=<polling, bufsize={size}>>"
        transport.close()
        assert repr(transport) == f"<{name} closing fd={fd} read=idle write=<polling, bufsize={size}>>"
        transport.abort()
        await pair.protocol.lost
        assert repr(transport) == f"<{name} closed fd={fd}>"

    play(main)


def test_close_closes_the_socket_in_a_later_turn(play):
    async def main(connect):
        pair = await connect()
        sock = pair.transport.get_extra_info("socket")
        pair.transport.close()
        assert sock.fileno() != -1
        assert "connection_lost" not in pair.protocol.names
        await pair.protocol.lost
        await asyncio.sleep(0)
        assert sock.fileno() == -1
        assert await pair.receive() == b""

    play(main)


def test_an_exception_of_connection_lost_is_reported_and_the_socket_closed(play, problems):
    class Fails(Recorder):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            raise ValueError("no")

    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect(Fails)
        sock = pair.transport.get_extra_info("socket")
        pair.transport.abort()
        await pair.protocol.lost
        await asyncio.sleep(0)
        assert sock.fileno() == -1
        assert [type(context["exception"]) for context in seen] == [ValueError]

    play(main)


def test_an_exception_of_connection_made_is_reported_and_nothing_else(play, problems):
    class Fails(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise ValueError("no")

    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect(Fails)
        assert [type(context["exception"]) for context in seen] == [ValueError]
        await pair.send(b"x")
        await pair.protocol.until(lambda: pair.protocol.data == b"x")

    play(main)


def test_a_transport_dies_with_its_connection(play):
    async def main(connect):
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair()
        transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
        protocol.cycle = transport
        dead = weakref.ref(transport)
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        del transport, protocol, ours
        gc.collect()
        assert dead() is None
        peer.close()

    play(main)


def test_an_fd_number_that_is_used_again_belongs_to_its_new_owner(play):
    async def main(connect):
        numbers = []
        for turn in range(20):
            pair = await connect(sockets=tcp_pair)
            if turn % 2:
                await pair.fill()
            numbers.append(pair.transport.get_extra_info("socket").fileno())
            pair.transport.abort()
            await pair.protocol.lost
            await asyncio.sleep(0)
            again = await connect()
            numbers.append(again.transport.get_extra_info("socket").fileno())
            await again.send(b"x")
            await again.protocol.until(lambda again=again: again.protocol.data == b"x")
            again.transport.write(b"y")
            assert await again.receive() == b"y"
            assert pair.protocol.names.count("connection_lost") == 1
            again.transport.abort()
            pair.peer.close()
            again.peer.close()
        assert len(set(numbers)) < len(numbers)

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")  # asyncio's loop never hears of the new socket
def test_a_transport_over_a_number_whose_reader_was_forgotten_works(play):
    async def main(connect):
        loop = asyncio.get_running_loop()
        stale, other = socket.socketpair()
        number = stale.fileno()
        loop.add_reader(number, lambda: pytest.fail("told of somebody else's data"))
        stale.close()  # without remove_reader()
        ours, peer = socket.socketpair()
        assert number in (ours.fileno(), peer.fileno())
        pair = await connect(sockets=lambda: (ours, peer) if ours.fileno() == number else (peer, ours))
        await pair.send(b"x")
        await pair.protocol.until(lambda: pair.protocol.data == b"x")
        other.close()

    play(main)


def test_a_socket_with_methods_of_its_own_is_asked(play):
    class Shouting(socket.socket):
        def send(self, data, *flags):
            return super().send(bytes(data).upper(), *flags)

        def recv(self, *arguments):
            return super().recv(*arguments).upper()

    def sockets():
        ours, peer = socket.socketpair()
        return Shouting(fileno=ours.detach()), peer

    async def main(connect):
        pair = await connect(sockets=sockets)
        pair.transport.write(b"out")
        assert await pair.receive() == b"OUT"
        await pair.send(b"in")
        await pair.protocol.until(lambda: pair.protocol.data == b"IN")

    play(main)


def test_the_fd_of_a_transport_is_nobody_elses(play):
    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        sock = pair.transport._sock
        with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport <.*fd="):
            loop.add_reader(sock, print)
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.remove_writer(sock.fileno())
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_recv(sock, 10)
        await pair.fill()
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_sendall(sock, b"x")
        pair.transport.abort()
        assert not loop.remove_reader(sock.fileno())

    play(main)


def test_servers_wait_for_their_connections(run):
    async def main():
        loop = asyncio.get_running_loop()
        protocols = []
        made = asyncio.Event()

        class Accepted(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                protocols.append(self)
                made.set()

        server = await loop.create_server(Accepted, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        await made.wait()
        (accepted,) = protocols
        assert accepted.transport.get_extra_info("peername") == transport.get_extra_info("sockname")
        transport.write(b"ping")
        await accepted.until(lambda: accepted.data == b"ping")
        server.close()
        accepted.transport.close()
        await server.wait_closed()
        assert await client.lost is None
        assert accepted.transport._server is None

    run(main)


def test_unix_sockets_go_the_same_way(run, tmp_path):
    async def main():
        async def echo(reader, writer):
            writer.write(await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_unix_server(echo, tmp_path / "socket")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        assert type(writer.transport).__name__.endswith("SocketTransport")
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main)


def test_a_file_is_sent_between_other_bytes(play, tmp_path):
    data = bytes(range(256)) * 8192
    path = tmp_path / "file"
    path.write_bytes(data)

    async def main(connect):
        loop = asyncio.get_running_loop()
        pair = await connect()
        receiving = asyncio.create_task(pair.receive_all())
        pair.transport.write(b"before ")
        with path.open("rb") as file:
            sending = asyncio.create_task(loop.sendfile(pair.transport, file))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="unable to write; sendfile is in progress"):
                pair.transport.write(b"in between")
            assert await sending == len(data)
        pair.transport.write(b" after")
        pair.transport.close()
        assert await receiving == b"before " + data + b" after"

    play(main)


def test_a_server_out_of_fds_tries_again(run, problems, monkeypatch):
    monkeypatch.setattr(asyncio.constants, "ACCEPT_RETRY_DELAY", 0)

    async def main():
        seen = problems.of_this_loop()
        loop = asyncio.get_running_loop()
        accepted = loop.create_future()

        class Accepted(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                accepted.set_result(self)

        server = await loop.create_server(Accepted, "127.0.0.1", 0, backlog=1)
        client = socket.socket()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        client.connect(server.sockets[0].getsockname())
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            while not seen:
                await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert seen[0]["message"] == "socket.accept() out of system resource"
        assert isinstance(seen[0]["exception"], OSError)
        protocol = await accepted
        client.close()
        await protocol.lost
        server.close()
        await server.wait_closed()

    run(main)


def test_debug_mode_tells_what_a_transport_does(play, caplog):
    async def main(connect):
        pair = await connect()
        pair.transport.pause_reading()
        pair.transport.resume_reading()
        pair.peer.close()
        await pair.protocol.lost

    with caplog.at_level(logging.DEBUG, "asyncio"):
        play(main, debug=True)
    texts = " ".join(record.getMessage() for record in caplog.records)
    for text in "pauses reading", "resumes reading", "received EOF":
        assert text in texts


def test_debug_mode_logs_the_errors_that_end_connections(play, caplog):
    async def main(connect):
        pair = await connect()
        pair.transport.pause_reading()
        pair.peer.close()
        pair.transport.write(b"x")
        assert isinstance(await pair.protocol.lost, BrokenPipeError)

    with caplog.at_level(logging.DEBUG, "asyncio"):
        play(main, debug=True)
    (record,) = (record for record in caplog.records if "Fatal write error" in record.getMessage())
    assert record.exc_info[0] is BrokenPipeError


def test_a_closed_loop_leaves_its_transports_to_the_collector(new_loop):
    loop = new_loop()
    ours, peer = socket.socketpair()
    transport, _ = loop.run_until_complete(loop.connect_accepted_socket(asyncio.Protocol, ours))
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        transport.close()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport, _
        gc.collect()
    assert ours.fileno() == -1
    peer.close()


@pytest.mark.loop_kinds("ferraio")
def test_a_transport_wants_a_loop_of_ours():
    import ferraio

    loop = asyncio.SelectorEventLoop()
    ours, peer = socket.socketpair()
    transport = ferraio._transports.SocketTransport
    with pytest.raises(TypeError, match=r"loop must be a ferraio\.EventLoop"):
        transport(loop, ours, asyncio.Protocol())
    for arguments in [(), (loop,), (None, None, None)]:
        with pytest.raises(TypeError):
            transport(*arguments)
    bare = transport.__new__(transport)
    assert not bare.is_closing()
    assert "closed" in repr(bare)
    for attempt in lambda: bare.write(b"x"), bare.close, bare._make_empty_waiter:
        with pytest.raises(RuntimeError):
            attempt()
    ours.close()
    peer.close()
    loop.close()
