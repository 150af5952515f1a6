"""What the demo's tests share: one stub model server that answers at once, and raw connections to it."""

import json
import re
import socket
from urllib.parse import urlsplit

import pytest
from ferraio.demo.server_process import ModelServerProcess


@pytest.fixture(scope="session")
def server():
    """The address of a stub model server that thinks for no time."""
    with ModelServerProcess(delay=0, token_delay=0) as server:
        yield server.address


class RawClient:
    """Sends bytes and reads HTTP replies, with nothing clever in between."""

    def __init__(self, address):
        self.socket = socket.create_connection((urlsplit(address).hostname, urlsplit(address).port))
        self.socket.settimeout(30)  # a reply that never comes fails the test
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def read_head(self):
        """Reads a status line and headers; gives the status and a dict, or None at the end."""
        first = self.file.readline()
        if not first:
            return None
        headers = {}
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return int(re.match(rb"HTTP/1\.1 (\d+) ", first)[1]), headers

    def read_reply(self):
        """Reads a whole reply with a Content-Length; gives status, headers and the JSON of the body."""
        status, headers = self.read_head()
        return status, headers, json.loads(self.file.read(int(headers["content-length"])))

    def read_to_end(self):
        """Reads what is left until the server closes."""
        return self.file.read()

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def connect(server):
    """Opens raw connections to the server, closed after the test."""
    opened = []

    def connect():
        opened.append(RawClient(server))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()
