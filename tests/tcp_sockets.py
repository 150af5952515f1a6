"""TCP sockets for tests that hold one end of a connection in their hands."""

import socket
import struct


def tcp_pair(proto=socket.IPPROTO_TCP):
    """Two connected TCP sockets on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    return accepted, client


def reset(sock):
    """Close a TCP socket in such a way that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
