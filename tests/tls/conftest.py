"""What the tests of TLS share: certificates, connections, a peer that is in our hands.

Each test runs on asyncio, and on ferraio with both of its engines: `openssl` drives the library itself, `python` uses
Python's `SSLObject` for each message.
"""

import asyncio
import contextlib
import os
import ssl
from pathlib import Path

import pytest
import recording
from recording import Recorder
from tcp_sockets import reset, tcp_pair

ENGINES = ("openssl", "python")
HERE = Path(__file__).parent


def pytest_generate_tests(metafunc):
    if "loop_kind" in metafunc.fixturenames:
        metafunc.parametrize("engine", ENGINES, indirect=True)


def pytest_collection_modifyitems(config, items):
    """asyncio has but one engine."""
    twice = [
        item
        for item in items
        if HERE in item.path.parents
        and hasattr(item, "callspec")
        and item.callspec.params.get("loop_kind") == "asyncio"
        and item.callspec.params.get("engine") == "openssl"
    ]
    config.hook.pytest_deselected(items=twice)
    items[:] = [item for item in items if item not in twice]


@pytest.fixture(autouse=True)
def engine(request):
    """Which engine new connections use: `openssl` or `python`."""
    if not hasattr(request, "param"):
        yield None
        return
    from ferraio import _ferraio

    before = _ferraio._drive_openssl(request.param == "openssl")
    yield request.param
    _ferraio._drive_openssl(before)


@pytest.fixture(scope="session")
def authority():
    """A certificate authority made for this run."""
    return pytest.importorskip("trustme", reason="makes the certificates; see the group `test` in pyproject.toml").CA()


@pytest.fixture(scope="session")
def certificate(authority):
    """The server's certificate, for `localhost`."""
    return authority.issue_cert("localhost")


@pytest.fixture
def server_context(certificate):
    """What a server needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def client_context(authority):
    """What a client needs that trusts the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


class BufferedRecorder(recording.BufferedRecorder):
    """The same for TLS, which fills the memory piece by piece."""

    def get_buffer(self, sizehint):
        return memoryview(self.buffer)


class Peer:
    """The other end of a connection, whose every byte is in the test's hands: a socket, and TLS in memory."""

    def __init__(self, sock, context, *, server_side=False):
        self.loop = asyncio.get_running_loop()
        self.sock = sock
        sock.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server_side else "localhost"
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side, server_hostname=name)

    async def send(self, data):
        """Send bytes as they are."""
        await self.loop.sock_sendall(self.sock, data)

    async def receive(self):
        """Receive something; return False at the end of the stream."""
        data = await self.loop.sock_recv(self.sock, 65536)
        self.incoming.write(data)
        return bool(data)

    async def handshake(self, *, flush=True):
        """Shake hands; without `flush` the last of our messages stays in `outgoing`."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                assert await self.receive(), "the other end has hung up in the handshake"
            else:
                break
        if flush:
            await self.flush()

    def encrypt(self, data):
        """Return the records for `data`."""
        self.tls.write(data)
        return self.outgoing.read()

    async def flush(self):
        """Send what is encrypted."""
        await self.send(self.outgoing.read())

    async def write(self, data):
        """Encrypt and send."""
        await self.send(self.encrypt(data))

    async def read(self, size):
        """Receive and decrypt so many bytes, or what there is before the end."""
        data = b""
        while len(data) < size:
            try:
                part = self.tls.read(size - len(data))
            except ssl.SSLWantReadError:
                await self.flush()
                if not await self.receive():
                    break
                continue
            if not part:
                break
            data += part
        return data

    async def unwrap(self):
        """Say and hear that nothing more comes."""
        while True:
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                await self.flush()
                if not await self.receive():
                    return False
            else:
                await self.flush()
                return True

    def reset(self):
        """Close the socket in such a way that the other end sees a reset."""
        reset(self.sock)


class Stage:
    """Makes connections for a story, and clears them away."""

    def __init__(self, server_context, client_context):
        self.server_context = server_context
        self.client_context = client_context
        self.loop = asyncio.get_running_loop()
        self.servers = []
        self._cleanup = contextlib.AsyncExitStack()

    async def close(self):
        await self._cleanup.aclose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def peer(self, sock, **options):
        """A client in our hands, over a socket."""
        context = self.server_context if options.get("server_side") else self.client_context
        self._cleanup.callback(sock.close)
        return Peer(sock, context, **options)

    def abort_at_end(self, transport):
        """Make sure that a transport is gone in the end."""
        self._cleanup.callback(transport.abort)

    async def with_peer(self, factory=Recorder, **options):
        """A server's protocol under test, after its handshake with a peer in our hands."""
        accepting, peer = await self.accepting(factory, **options)
        await peer.handshake()
        transport, protocol = await accepting
        self.abort_at_end(transport)
        return protocol, peer

    async def accepting(self, factory=Recorder, **options):
        """The same, before the handshake: a task, and the peer."""
        ours, theirs = tcp_pair()
        options = {"ssl": self.server_context, **options}
        accepting = self.loop.create_task(self.loop.connect_accepted_socket(factory, ours, **options))
        await asyncio.sleep(0)
        return accepting, self.peer(theirs)

    async def serve(self, factory=Recorder, **options):
        """Start a server; return its address, and a list that its protocols are added to."""
        protocols = []

        def make():
            protocols.append(factory())
            return protocols[-1]

        options = {"ssl": self.server_context, **options}
        server = await self.loop.create_server(make, "127.0.0.1", 0, **options)
        self.servers.append(server)
        self._cleanup.push_async_callback(server.wait_closed)
        self._cleanup.callback(server.close)

        def drop():
            for protocol in protocols:
                if protocol.transport is not None:
                    protocol.transport.abort()

        self._cleanup.callback(drop)
        return server.sockets[0].getsockname(), protocols

    async def connect(self, address, factory=Recorder, **options):
        """Connect a client's protocol under test."""
        options = {"ssl": self.client_context, "server_hostname": "localhost", **options}
        transport, protocol = await self.loop.create_connection(factory, *address, **options)
        self.abort_at_end(transport)
        return protocol

    async def both(self, client=Recorder, server=Recorder):
        """Both ends under test: the client's protocol and the server's."""
        address, protocols = await self.serve(server)
        connected = await self.connect(address, client)
        await until_connected(protocols)
        return connected, protocols[0]


async def until_connected(protocols):
    """Wait until the server's side of the handshake is done as well."""
    while not protocols or protocols[0].transport is None:
        await asyncio.sleep(0)


@pytest.fixture
def play(run, server_context, client_context):
    """Runs a story on each loop, with both engines: `play(main)` calls `main(stage)`."""

    def play(main, **options):
        async def story():
            stage = Stage(server_context, client_context)
            try:
                async with asyncio.timeout(30):  # a story that hangs fails
                    return await main(stage)
            finally:
                await stage.close()

        return run(story, **options)

    return play


def open_files():
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd" if os.path.exists("/proc/self/fd") else "/dev/fd"))
