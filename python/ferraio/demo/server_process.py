"""Starts the stub model server as a child process, and ends it for certain.

    with ModelServerProcess(delay=0.05) as server:
        client = AsyncAnthropic(base_url=server.address, api_key="any")

The child holds the reading end of a pipe as its stdin: when we close our end, or die, the child ends by
itself. It has its own session, so that Ctrl-C in the terminal reaches us alone and we end it after its
clients.
"""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

_PATIENCE = 5.0


class ServerDidNotStart(RuntimeError):
    """Tells that the child ended before it listened; what it had to say about that is on stderr."""


class ModelServerProcess:
    """A stub model server that runs for as long as the `with` block."""

    def __init__(self, *, delay: float = 0.05, token_delay: float = 0.005) -> None:
        self._command = [sys.executable, "-m", "ferraio.demo.model_server"]
        self._command += ["--port", "0", "--delay", str(delay), "--token-delay", str(token_delay)]
        self._process: subprocess.Popen[str] | None = None
        #: `http://127.0.0.1:port`, once it runs.
        self.address = ""

    def __enter__(self) -> ModelServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[str] | None:
        """Gives the child while it runs."""
        return self._process

    def start(self) -> None:
        """Starts the child and waits until it listens."""
        self._process = process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout is not None
        try:
            self.address = process.stdout.readline().strip()
            if not self.address:
                code = process.wait(_PATIENCE)
                raise ServerDidNotStart(f"the stub model server did not start (exit code {code})")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the child and waits until it is gone; does nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(_PATIENCE)
        except BaseException as interruption:
            process.kill()
            process.wait()
            if not isinstance(interruption, subprocess.TimeoutExpired):
                raise
