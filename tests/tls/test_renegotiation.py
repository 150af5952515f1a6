"""Renegotiation, which only TLS 1.2 has: a server may ask for it, a client's wish is refused.

Python has no function for it, so these tests call OpenSSL's by its name, on the connection of the peer.
"""

import asyncio
import ctypes
import ssl

import pytest

from .conftest import Recorder, tcp_pair

_ssl = pytest.importorskip("_ssl")


def renegotiate(ssl_object):
    """Let the next handshake of this connection be a new one."""
    file = getattr(_ssl, "__file__", None)
    library = ctypes.CDLL(file)
    if not ssl.OPENSSL_VERSION.startswith("OpenSSL ") or not hasattr(library, "SSL_renegotiate"):
        pytest.skip("OpenSSL's functions cannot be found")
    pointer = ctypes.c_void_p.from_address(id(ssl_object._sslobj) + object.__basicsize__ + 8)
    assert library.SSL_renegotiate(pointer) == 1


async def client_of(stage):
    """A client's protocol under test, and the server in our hands."""
    stage.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = tcp_pair()
    peer = stage.peer(theirs, server_side=True)
    connecting = asyncio.create_task(
        stage.loop.create_connection(Recorder, sock=ours, ssl=stage.client_context, server_hostname="localhost")
    )
    await peer.handshake()
    transport, protocol = await connecting
    stage.abort_at_end(transport)
    return protocol, peer


def test_a_client_follows_when_the_server_asks_for_a_new_handshake(play):
    async def main(stage):
        protocol, peer = await client_of(stage)
        await peer.write(b"before ")
        await protocol.received(7)
        renegotiate(peer.tls)
        peer.tls.do_handshake()  # only asks the client to begin
        await peer.flush()
        before = peer.incoming.pending
        while peer.incoming.pending == before:  # the client begins
            await peer.receive()
        # What is written in the middle waits for the end.
        protocol.transport.write(b"from within")
        assert await peer.read(11) == b"from within"
        await peer.write(b"after")
        assert await protocol.received(12) == b"before after"
        assert protocol.names[-1] == "data_received"

    play(main)


def test_a_client_s_wish_for_a_new_handshake_is_refused(play):
    async def main(stage):
        stage.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
        protocol, peer = await stage.with_peer()
        await peer.write(b"before")
        await protocol.received(6)
        renegotiate(peer.tls)
        with pytest.raises(ssl.SSLError, match=r"(?i)no.renegotiation"):
            await peer.handshake()
        assert protocol.names == ["connection_made", "data_received"]
        peer.sock.close()
        await protocol.lost

    play(main)
