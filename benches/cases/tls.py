"""TLS echo: the server's own CPU time per request, as in `echo.py`.

Certificates are made with trustme for the process that asks. The bare server in C uses the OpenSSL of this machine: the
interpreter's may be another one.
"""

import functools
import ssl
import tempfile

import trustme

from benches.case import Effort, Sample, reading
from benches.cases.echo import server_cpu, server_of

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
        with server_of(peer, "tls") as server:
            return _measure(server, size, effort)


for _size in SIZES:
    _define(_size)


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
