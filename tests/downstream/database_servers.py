"""Starts a PostgreSQL and a Redis of their own for the tests: on a free port of the loopback, in a temporary folder.

Without the server's program the tests are skipped. Started by root, it runs as another user, on which PostgreSQL
insists. Both say in their log when they are ready; nobody sleeps.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class PostgreSQL:
    """Where a PostgreSQL server listens."""

    port: int
    user: str = "tester"
    host: str = "127.0.0.1"
    database: str = "postgres"


def postgresql() -> Iterator[PostgreSQL]:
    """Runs a PostgreSQL until the generator is closed."""
    initdb, server = _program("initdb"), _program("postgres")
    with _folder() as folder:
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", PostgreSQL.user, "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **_unprivileged(),
        )
        port = _free_port()
        command = [server, "-D", data, "-p", str(port), "-h", PostgreSQL.host, "-k", folder, "-F"]
        with _running(command, "database system is ready to accept connections", folder, signal.SIGINT):
            yield PostgreSQL(port)


def redis() -> Iterator[int]:
    """Runs a Redis until the generator is closed; yields its port."""
    server = _program("redis-server")
    with _folder() as folder:
        port = _free_port()
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with _running(command, "Ready to accept connections", folder, signal.SIGTERM):
            yield port


def _program(name: str) -> str:
    """The path of a program; skips the test if there is none. Debian keeps PostgreSQL's where PATH does not lead."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _unprivileged() -> dict:
    """As whom to start a server: as ourselves, or as somebody with fewer rights if we are root."""
    if os.getuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ferraio-downstream-", ignore_cleanup_errors=True) as name:
        owner = _unprivileged()
        if owner:
            os.chown(name, owner["user"], owner["group"])
        yield Path(name)


@contextmanager
def _running(command: list, ready: str, folder: Path, stop: signal.Signals) -> Iterator[None]:
    """Runs a server, from the moment that its log says that it is ready."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **_unprivileged(),
    ) as process:
        said = []
        for line in process.stdout:
            said.append(line.decode(errors="replace"))
            if ready in said[-1]:
                break
        else:
            pytest.fail(f"{command[0]} did not start:\n{''.join(said)}", pytrace=False)
        # Whatever else it says is thrown away, lest it waits for us to read it.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield
        finally:
            process.send_signal(stop)
            drain.join()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
