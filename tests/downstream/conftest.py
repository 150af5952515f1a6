"""What the tests with other people's programs share: certificates, servers, and patience.

They run only when they are asked for (`make test-downstream`), in an environment that has what `pyproject.toml` lists
under `downstream`. A package that is missing is an error; a database server that is missing skips its tests.
"""

import asyncio
import socket
import ssl

import database_servers
import pytest
import trustme
from ferraio.demo.server_process import ModelServerProcess

PATIENCE = 20
"""After this many seconds a program hangs."""


@pytest.fixture
def run(run, request):
    """Like `run` of all tests, and a program that hangs fails.

    With `--diagnosed` the whole of pytest fails then (`faulthandler_timeout`): a loop that has a timer never waits for
    ever, so that nobody would look whether it is in a deadlock.
    """
    if request.config.getoption("--diagnosed"):
        return run

    def run_with_patience(main, *args, debug=None):
        async def patiently():
            async with asyncio.timeout(PATIENCE):
                return await main(*args)

        return run(patiently, debug=debug)

    return run_with_patience


@pytest.fixture(scope="session")
def model_server():
    """The address of a stub model server that thinks for no time."""
    with ModelServerProcess(delay=0, token_delay=0) as server:
        yield server.address


@pytest.fixture(scope="session")
def slow_model_server():
    """The address of a stub model server that thinks for longer than any test runs."""
    with ModelServerProcess(delay=3600, token_delay=0) as server:
        yield server.address


@pytest.fixture(scope="session")
def hesitant_model_server():
    """The address of a stub model server that begins at once, and then takes longer than any test for each word."""
    with ModelServerProcess(delay=0, token_delay=3600) as server:
        yield server.address


@pytest.fixture(scope="session")
def authority():
    """Whom the tests' TLS clients trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority):
    """The certificate of the tests' TLS servers."""
    return authority.issue_cert("localhost", "127.0.0.1")


@pytest.fixture
def server_tls(certificate):
    """A context for a TLS server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority):
    """A context for a TLS client that trusts that server."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """Where a PostgreSQL server listens that runs for these tests."""
    yield from database_servers.postgresql()


@pytest.fixture(scope="session")
def redis_port():
    """The port of a Redis server that runs for these tests."""
    yield from database_servers.redis()


@pytest.fixture
def unused_port():
    """A port on which nobody listens while the test runs: bound, and not listening."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]
