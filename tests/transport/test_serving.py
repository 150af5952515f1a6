"""Servers: accepting connections, many at once or none because fds have run out, and closing with clients."""

import asyncio
import contextvars
import os
import resource
import socket
import sys

import pytest
from recording import Recorder


class Counter:
    """A protocol factory that counts connections made and lost."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.made = self.lost = 0
        self.changed = asyncio.Event()

    def __call__(self):
        return _Counted(self)

    async def until_made(self, count):
        await self._until(lambda: self.made == count)

    async def until_lost(self, count):
        await self._until(lambda: self.lost == count)

    async def _until(self, condition):
        while not condition():
            self.changed.clear()
            await self.changed.wait()


class _Counted(asyncio.Protocol):
    def __init__(self, counter):
        self.counter = counter

    def connection_made(self, transport):
        self.counter.made += 1
        self.counter.changed.set()

    def connection_lost(self, exc):
        self.counter.lost += 1
        self.counter.changed.set()


def fds():
    """Return how many fds this process has; those of the directory listing itself count as well."""
    return len(os.listdir("/proc/self/fd"))


def test_peer_and_own_name_are_known_when_the_connection_is_made(run):
    async def main():
        loop = asyncio.get_running_loop()
        known = loop.create_future()

        class Asking(asyncio.Protocol):
            def connection_made(self, transport):
                known.set_result([transport.get_extra_info(name) for name in ("peername", "sockname")])
                transport.close()

        server = await loop.create_server(Asking, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            assert await known == [client.getsockname(), client.getpeername()]
        server.close()

    run(main)


def test_the_accepted_socket_is_like_one_of_accept(run):
    async def main():
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        class Asking(asyncio.Protocol):
            def connection_made(self, transport):
                made.set_result(transport)

        server = await loop.create_server(Asking, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            transport = await made
            sock = transport.get_extra_info("socket")
            assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            assert sock.gettimeout() == 0
            assert not sock.get_inheritable()
            transport.abort()
        server.close()

    run(main)


def test_ipv6_and_unix_peers_have_names_too(run, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        names = asyncio.Queue()

        class Asking(asyncio.Protocol):
            def connection_made(self, transport):
                names.put_nowait(transport.get_extra_info("peername"))
                transport.close()

        try:
            server = await loop.create_server(Asking, "::1", 0)
        except OSError:
            pass
        else:
            with socket.create_connection(server.sockets[0].getsockname()[:2]) as client:
                assert await names.get() == client.getsockname()
            server.close()
        server = await loop.create_unix_server(Asking, tmp_path / "server")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "server"))
            assert await names.get() == ""
        with socket.socket(socket.AF_UNIX) as client:
            client.bind(str(tmp_path / "client"))
            client.connect(str(tmp_path / "server"))
            assert await names.get() == str(tmp_path / "client")
        server.close()

    run(main)


def test_each_connection_has_a_context_of_its_own(run):
    variable = contextvars.ContextVar("variable", default=0)

    async def main():
        loop = asyncio.get_running_loop()
        seen = asyncio.Queue()

        class Setting(asyncio.Protocol):
            def __init__(self):
                self.before = variable.get()
                variable.set(self.before + 1)

            def connection_made(self, transport):
                seen.put_nowait((self.before, variable.get()))
                transport.close()

        variable.set(10)
        server = await loop.create_server(Setting, "127.0.0.1", 0)
        variable.set(20)
        for _ in range(3):
            socket.create_connection(server.sockets[0].getsockname()).close()
        assert [await seen.get() for _ in range(3)] == [(10, 11)] * 3
        server.close()

    run(main)


def test_a_protocol_that_cannot_be_made_costs_its_connection_only(run, problems):
    async def main():
        problems.of_this_loop()
        loop = asyncio.get_running_loop()
        made = []

        def factory():
            made.append(None)
            if len(made) == 1:
                raise LookupError
            return Recorder()

        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection(*address)
        while len(made) < 2:
            await asyncio.sleep(0)
        writer.close()
        server.close()

    run(main, debug=False)  # in debug mode the report keeps the socket


@pytest.mark.slow
def test_ten_thousand_connections_opened_and_dropped_at_once(run):
    """As many at a time as fds allow; afterwards nothing is left of them."""
    total, (limit, _) = 10_000, resource.getrlimit(resource.RLIMIT_NOFILE)
    at_once = min(total, (limit - 200) // 2)

    async def main():
        loop = asyncio.get_running_loop()
        counter = Counter()
        server = await loop.create_server(counter, "127.0.0.1", 0, backlog=100)
        address = server.sockets[0].getsockname()
        before, opened = fds(), 0
        while opened < total:
            clients = []
            for _ in range(min(at_once, total - opened)):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(address)
                clients.append(client)
                opened += 1
                if len(clients) % 100 == 0:  # the kernel's queue is finite
                    await counter.until_made(opened)
            await counter.until_made(opened)
            for client in clients:
                client.close()
            await counter.until_lost(opened)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert fds() == before
        _, writer = await asyncio.open_connection(*address)
        await counter.until_made(total + 1)
        writer.close()
        server.close()

    run(main)


def test_a_server_out_of_fds_goes_on_when_there_are_some(run, problems, monkeypatch):
    monkeypatch.setattr(asyncio.constants, "ACCEPT_RETRY_DELAY", 0)

    async def main():
        problems.of_this_loop()
        loop = asyncio.get_running_loop()
        counter = Counter()
        server = await loop.create_server(counter, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        clients = [socket.create_connection(address) for _ in range(5)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = socket.socket()
        number = spare.fileno()
        spare.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, limits[1]))
        try:
            while not problems:
                await asyncio.sleep(0)
            assert counter.made == 0
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        await counter.until_made(5)
        assert set(problems.messages) == {"socket.accept() out of system resource"}
        for client in clients:
            client.close()
        await counter.until_lost(5)
        server.close()

    run(main)


def test_a_server_closed_by_its_own_protocol_accepts_no_more(run, problems):
    async def main():
        problems.of_this_loop()
        loop = asyncio.get_running_loop()
        made = []

        class Closing(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                made.append(self)
                server.close()

        server = await loop.create_server(Closing, "127.0.0.1", 0)
        clients = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(3)]
        while not made:
            await asyncio.sleep(0)
        for client in clients:
            client.close()
        for protocol in made:
            await protocol.lost
        assert not problems

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 a Server has no close_clients()")
@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_server_can_end_its_clients(run, end):
    async def main():
        loop = asyncio.get_running_loop()
        counter = Counter()
        server = await loop.create_server(counter, "127.0.0.1", 0)
        connections = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(3)]
        await counter.until_made(3)
        server.close()
        closing = asyncio.ensure_future(server.wait_closed())
        await asyncio.sleep(0)
        assert not closing.done()
        getattr(server, end)()
        await closing
        assert counter.lost == 3
        for _, writer in connections:
            writer.close()

    run(main)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="the system has no SO_REUSEPORT")
def test_two_servers_may_share_a_port(run):
    async def main():
        loop = asyncio.get_running_loop()
        counter = Counter()
        first = await loop.create_server(counter, "127.0.0.1", 0, reuse_port=True)
        second = await loop.create_server(counter, *first.sockets[0].getsockname(), reuse_port=True)
        with pytest.raises(OSError, match="address"):
            await loop.create_server(counter, *first.sockets[0].getsockname())
        for _ in range(20):
            socket.create_connection(first.sockets[0].getsockname()).close()
        await counter.until_lost(20)
        first.close()
        second.close()

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 create_server() knows no keep_alive")
def test_a_server_can_keep_connections_alive(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0, keep_alive=True)
        listener = server.sockets[0]
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        server.close()

    run(main)


def test_an_accepted_socket_can_be_given_to_the_loop(run):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            accepted, address = listener.accept()
        transport, protocol = await loop.connect_accepted_socket(Recorder, accepted)
        assert transport.get_extra_info("peername") == address
        client.sendall(b"hello")
        client.close()
        await protocol.lost
        assert protocol.data == b"hello"

    run(main)


def test_a_listening_socket_with_an_accept_of_its_own_is_asked(run):
    class Counting(socket.socket):
        accepted = 0

        def accept(self):
            connection = super().accept()
            self.accepted += 1
            return connection

    async def main():
        loop = asyncio.get_running_loop()
        listener = Counting()
        listener.bind(("127.0.0.1", 0))
        counter = Counter()
        server = await loop.create_server(counter, sock=listener)
        socket.create_connection(listener.getsockname()).close()
        await counter.until_lost(1)
        assert listener.accepted == 1
        server.close()

    run(main)


def test_debug_mode_reports_a_protocol_that_cannot_be_made(run, problems):
    async def main():
        problems.of_this_loop()
        loop = asyncio.get_running_loop()

        def factory():
            raise LookupError

        server = await loop.create_server(factory, "127.0.0.1", 0)
        socket.create_connection(server.sockets[0].getsockname()).close()
        while not problems:
            await asyncio.sleep(0)
        assert problems.messages == ["Error on transport creation for incoming connection"]
        server.close()

    run(main, debug=True)
