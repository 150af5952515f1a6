"""The echo client: plain blocking sockets, several connections at once, in a process whose cost does not
count.

Each round sends one message on every connection and then receives every answer. The server's own CPU time is
asked for before and after (see `echo_server.py`).

Server and client have a core each. Left to itself the scheduler puts them on one, or on two, and changes its mind: then
what it costs to wake the other one differs by more than what the loops do.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a number of requests took."""

    requests: int
    server_cpu: float
    """Seconds."""
    elapsed: float
    """Seconds."""


class EchoClient:
    """Asks a running server to echo, and asks what that cost it."""

    def __init__(
        self,
        address: str,
        tell_port: str,
        connections: int,
        message_size: int,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._teller = _connect(tell_port)
        self.address = address
        self._connections = [_connect(address) for _ in range(connections)]
        if context is not None:
            self._connections = [context.wrap_socket(connection) for connection in self._connections]
        self._message = b"x" * message_size
        self._answer = bytearray(message_size)

    def ask(self, rounds: int) -> Cost:
        """Send a message on every connection and receive every answer, so many times."""

        def play() -> int:
            for _ in range(rounds):
                for connection in self._connections:
                    connection.sendall(self._message)
                for connection in self._connections:
                    self._receive(connection)
            return rounds * len(self._connections)

        return self.cost_of(play)

    def ask_once_each(self, rounds: int) -> Cost:
        """Make a connection for each request, and close it after the answer."""

        def play() -> int:
            for _ in range(rounds):
                with _connect(self.address) as connection:
                    connection.sendall(self._message)
                    self._receive(connection)
            return rounds

        return self.cost_of(play)

    def cost_of(self, play: Callable[[], int]) -> Cost:
        """Say what it costs the server to answer the requests that `play` sends and counts."""
        cpu, began = self._server_cpu(), time.perf_counter()
        requests = play()
        elapsed = time.perf_counter() - began
        return Cost(requests, self._server_cpu() - cpu, elapsed)

    def close(self) -> None:
        for connection in (*self._connections, self._teller):
            connection.close()

    def _receive(self, connection: socket.socket) -> None:
        missing = memoryview(self._answer)
        while missing:
            received = connection.recv_into(missing)
            if not received:
                raise ConnectionError("the echo server closed the connection")
            missing = missing[received:]

    def _server_cpu(self) -> float:
        self._teller.sendall(b"?")
        return int(self._teller.recv(64)) / 1e9


@contextlib.contextmanager
def echo_client(
    server: list[str], connections: int, message_size: int, context: ssl.SSLContext | None = None
) -> Iterator[EchoClient]:
    """Run the command of a server for as long as its client is in use; with a context they speak TLS."""
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process, apart_from(process.pid):
        try:
            address, tell_port = process.stdout.readline().split()
            client = EchoClient(address, tell_port, connections, message_size, context)
            try:
                yield client
            finally:
                client.close()
            process.wait(timeout=10)
        finally:
            process.kill()


@contextlib.contextmanager
def apart_from(server: int) -> Iterator[None]:
    """Give the server a core, and this process the others until afterwards."""
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    cores = os.sched_getaffinity(0)
    its = {min(cores)}
    os.sched_setaffinity(server, its)
    os.sched_setaffinity(0, cores - its or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _connect(address: str) -> socket.socket:
    """Connect to a path, to `udp:` and a port, or to a TCP port."""
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(30)
        connection.connect(address)
        return connection
    if address.startswith("udp:"):
        connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", int(address.removeprefix("udp:"))))
        return connection
    connection = socket.create_connection(("127.0.0.1", int(address)), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
