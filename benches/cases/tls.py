"""TLS echo: the server's own CPU time per request, as in `echo.py`.

Certificates are made with trustme for the process that asks. The limit is the bare server in C once more, with OpenSSL
of this machine on its sockets: the interpreter's may be another one.
"""

import functools
import ssl
import sys
import tempfile

import trustme

from benches.case import Effort, Sample, reading
from benches.cases.echo import bare_server, server_cpu

SIZES = (1, 100)
"""KiB per message."""


def _define(size: int) -> None:
    @reading(
        f"TLS echo, protocol, {size} KiB",
        unit="ns",
        name=f"protocol_{size}",
        question=f"How much CPU does a server need to echo {size} KiB over TLS with a Protocol?",
    )
    def measure(peer, effort):
        return _measure([sys.executable, "-m", "benches.echo_server", peer.name, "tls"], size, effort)


for _size in SIZES:
    _define(_size)


def limit(effort: Effort) -> dict[int, Sample]:
    """The bare server's cost by message size; empty where it cannot be compiled."""
    with bare_server("-DWITH_TLS", "-lssl", "-lcrypto") as server:
        return {size: _measure([server], size, effort) for size in SIZES} if server else {}


def _measure(server: list[str], size: int, effort: Effort) -> Sample:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _authority().configure_trust(context)
    with tempfile.NamedTemporaryFile() as certificate:
        certificate.write(_authority().issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
        certificate.flush()
        return server_cpu([*server, certificate.name], size, effort, context)


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()
