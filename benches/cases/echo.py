"""Echo over TCP, Unix sockets and UDP: the server's CPU time per request; as a further figure requests per second.

The server is a process of the peer (`benches/echo_server.py`), the client a process of nobody. `limits()`
measures the same with a bare epoll server in C (`benches/echo_limit.c`): there is not much less to be had from
this kernel.
"""

import contextlib
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benches.case import Effort, Sample, reading
from benches.echo_client import Cost, echo_client

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
        return server_cpu([sys.executable, "-m", "benches.echo_server", peer.name, style], size, effort)


for _style, _title, _how, _sizes in STYLES:
    for _size in _sizes:
        _define(_style, _title, _how, _size)


@reading("TCP connect, echo and close", unit="ns")
def connect_close(peer, effort):
    """How much CPU does a server need to accept a connection, echo 1 KiB and see it closed?"""
    server = [sys.executable, "-m", "benches.echo_server", peer.name, "protocol"]
    with echo_client(server, 0, 1024) as client:
        return _sample(client.ask_once_each, 50, effort)


def limits(effort: Effort) -> dict[str, dict[int, Sample]]:
    """The bare server's cost by kind and message size; empty where there is no C compiler or no epoll."""
    with bare_server() as server, tempfile.TemporaryDirectory() as directory:
        if server is None:
            return {}
        with echo_client([server], 0, 1024) as client:
            connecting = _sample(client.ask_once_each, 50, effort)
        return {
            "echo limit": {size: server_cpu([server], size, effort) for size in SIZES},
            "Unix echo limit": {size: server_cpu([server, f"{directory}/{size}"], size, effort) for size in SIZES},
            "UDP echo limit": {size: server_cpu([server, "udp"], size, effort) for size in SIZES[:2]},
            "connect limit": {1: connecting},
        }


@contextlib.contextmanager
def bare_server(*options: str) -> Iterator[str | None]:
    """The file of the bare server, compiled with these options; None where that cannot be."""
    compiler = shutil.which("cc")
    with tempfile.TemporaryDirectory() as directory:
        server = f"{directory}/echo_limit"
        source = Path(__file__).parents[1] / "echo_limit.c"
        possible = compiler is not None and sys.platform == "linux"
        if possible:
            compiled = subprocess.run([compiler, "-O2", "-o", server, source, *options], capture_output=True)
            possible = compiled.returncode == 0
        yield server if possible else None


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
