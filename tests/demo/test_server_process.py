"""The stub model server's process: it tells its address, and it never outlives who started it."""

import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from ferraio.demo.server_process import ModelServerProcess

SERVER = [sys.executable, "-m", "ferraio.demo.model_server"]


def start(*arguments, **options):
    return subprocess.Popen(
        [*SERVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def connection_to(address):
    connection = socket.create_connection((urlsplit(address).hostname, urlsplit(address).port))
    connection.settimeout(30)  # a server that never ends fails the test
    return connection


def test_its_first_line_is_an_address_that_listens():
    with ModelServerProcess() as server:
        assert server.address.startswith("http://127.0.0.1:")
        connection_to(server.address).close()


def test_the_end_of_stdin_ends_it_with_open_connections():
    server = start()
    with connection_to(server.stdout.readline().decode().strip()) as connection:
        _, errors = server.communicate(timeout=30)
        assert connection.recv(1) == b""
    assert (server.returncode, errors) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_silence(number):
    server = start()
    server.stdout.readline()
    server.send_signal(number)
    assert server.wait(timeout=30) == 0
    assert server.communicate() == (b"", b"")


def test_it_ends_while_an_answer_is_still_owed():
    server = start("--delay", "3600")
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}).encode()
    head = "POST /v1/messages HTTP/1.1\r\nHost: h\r\nx-api-key: k\r\nanthropic-version: v\r\n"
    with connection_to(server.stdout.readline().decode().strip()) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        _, errors = server.communicate(timeout=30)
    assert (server.returncode, errors) == (0, b"")


def test_a_taken_port_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = start("--port", str(taken.getsockname()[1]))
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 1
    assert errors.startswith(b"python -m ferraio.demo.model_server: ")
    assert errors.count(b"\n") == 1


def test_the_block_that_fails_ends_it_as_well():
    with pytest.raises(ZeroDivisionError), ModelServerProcess() as server:
        process = server.process
        _ = 1 / 0
    assert process.poll() == 0
    assert server.process is None


def test_a_child_that_does_not_end_by_itself_is_killed(monkeypatch):
    monkeypatch.setattr("ferraio.demo.server_process._PATIENCE", 0)
    server = ModelServerProcess()
    server.start()
    process = server.process
    process.send_signal(signal.SIGSTOP)
    server.stop()
    assert process.returncode == -signal.SIGKILL


def test_a_child_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    server = ModelServerProcess()
    with pytest.raises(RuntimeError, match=r"did not start \(exit code 1\)"):
        server.start()
    assert server.process is None


def test_it_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from ferraio.demo.server_process import ModelServerProcess\n"
            "import signal\n"
            "server = ModelServerProcess()\n"
            "server.start()\n"
            "print(server.address, flush=True)\n"
            "signal.pause()\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with connection_to(parent.stdout.readline().strip()) as connection:
        os.kill(parent.pid, signal.SIGKILL)
        assert connection.recv(1) == b""
    parent.communicate()


def test_delays_are_kept_and_streams_come_event_by_event():
    order = {"model": "m", "max_tokens": 2, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    body = json.dumps(order).encode()
    head = "POST /v1/messages HTTP/1.1\r\nHost: h\r\nx-api-key: k\r\nanthropic-version: v\r\n"
    with (
        ModelServerProcess(delay=0.001, token_delay=0.001) as server,
        connection_to(server.address) as connection,
    ):
        connection.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        received = connection.makefile("rb").read()
    assert received.endswith(b"0\r\n\r\n")
    assert received.count(b"event: ") == 8
