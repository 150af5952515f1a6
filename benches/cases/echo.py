"""Echo over TCP, Unix sockets and UDP: the server's CPU time per request; as a further figure requests per second.

The server is a process of the peer (`echo_server.py`, `echo_limit.c`, `echo_floor.c`), the client a process of nobody.
"""

import contextlib
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benches import extension
from benches.case import Effort, Sample, reading
from benches.echo_client import Cost, echo_client
from benches.peers import BARE_PYTHON, BareServer, Peer

CONNECTIONS = 10
SIZES = (1, 10, 100)
"""KiB per message."""
STYLES = (
    ("protocol", "TCP echo, protocol", "a Protocol that writes back what it receives", SIZES),
    ("protocol_cold", "TCP echo, cold allocator", "the same, before blocks of memory have been taken and freed", SIZES),
    ("streams", "TCP echo, streams", "a handler of start_server that reads, writes and drains", SIZES),
    ("sockets", "TCP echo, sockets", "sock_recv and sock_sendall", SIZES),
    ("unix", "Unix echo", "a Protocol on a Unix socket", SIZES),
    ("udp", "UDP echo, udp", "a DatagramProtocol that sends back what it receives", SIZES[:2]),
    ("udp_sockets", "UDP echo, udp_sockets", "sock_recvfrom and sock_sendto", SIZES[:2]),
)
"""The styles of `benches/echo_server.py`: name, title, how they echo, KiB per message."""


def _define(style: str, title: str, how: str, size: int) -> None:
    question = f"How much CPU does a server need to echo {size} KiB with {how}?"

    @reading(f"{title}, {size} KiB", unit="ns", name=f"{style}_{size}", question=question)
    def measure(peer, effort):
        with server_of(peer, style) as server:
            return server_cpu(server, size, effort)


for _style, _title, _how, _sizes in STYLES:
    for _size in _sizes:
        _define(_style, _title, _how, _size)


@reading("TCP connect, echo and close", unit="ns")
def connect_close(peer, effort):
    """How much CPU does a server need to accept a connection, echo 1 KiB and see it closed?"""
    with server_of(peer, "protocol") as server, echo_client(server, 0, 1024) as client:
        return _sample(client.ask_once_each, 50, effort)


@contextlib.contextmanager
def server_of(peer: Peer, style: str) -> Iterator[list[str]]:
    """The command that starts a peer's server."""
    if not isinstance(peer, BareServer):
        yield [sys.executable, "-m", "benches.echo_server", peer.name, style]
        return
    with tempfile.TemporaryDirectory() as directory:
        where = {"unix": [f"{directory}/socket"], "udp": ["udp"], "udp_sockets": ["udp"]}.get(style, [])
        if peer is BARE_PYTHON:
            floor = extension.compiled("echo_floor", directory)
            yield [sys.executable, "-m", "benches.echo_floor", floor, style, *where]
            return
        source = Path(__file__).parents[1] / "echo_limit.c"
        options = ["-DWITH_TLS", "-lssl", "-lcrypto"] if style == "tls" else []
        subprocess.run(["cc", "-O2", "-o", f"{directory}/echo_limit", source, *options], check=True)
        yield [f"{directory}/echo_limit", *where]


def server_cpu(server: list[str], size: int, effort: Effort, context: ssl.SSLContext | None = None) -> Sample:
    """What a server process needs for a request of so many KiB."""
    with echo_client(server, CONNECTIONS, size * 1024, context) as client:
        return _sample(client.ask, 50, effort)


def _sample(ask: Callable[[int], Cost], rounds: int, effort: Effort) -> Sample:
    """Find how many rounds fill the time, then take the cheapest repeat."""
    while (cost := ask(rounds)).server_cpu < effort.seconds / 4:
        rounds *= 2
    rounds = max(1, round(rounds * effort.seconds / cost.server_cpu))
    best = min((ask(rounds) for _ in effort.turns(effort.repeats)), key=lambda cost: cost.server_cpu)
    return Sample(
        best.server_cpu / best.requests * 1e9,
        best.requests,
        {"requests per second": best.requests / best.elapsed},
    )
