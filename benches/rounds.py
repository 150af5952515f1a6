"""Runs the samples: one fresh process each, round after round.

The peers of a round take turns, repeat by repeat: what else the machine does for a while disturbs them all.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import NamedTuple

from benches.case import QUICK, Case, Effort, Sample
from benches.peers import Peer
from benches.results import figures
from benches.sample import MY_TURN

SAMPLE_TIMEOUT = 180
"""Seconds; a repeat that needs more hangs."""


class SampleFailed(Exception):
    """A peer cannot run a case; says why in one line."""


class Output(NamedTuple):
    """What a sample wrote."""

    output: str
    errors: str


def run_case(case: Case, peers: Iterable[Peer], rounds: int, effort: Effort) -> dict[str, dict]:
    """Figures by peer. A peer that fails once is left out of the other rounds."""
    samples: dict[str, list[Sample]] = {peer.name: [] for peer in peers}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for peer, taken in take_round(case.key, [peer for peer in samples if peer not in failed], effort).items():
            if isinstance(taken, SampleFailed):
                failed[peer] = str(taken)
            else:
                samples[peer].append(taken)
    return {peer: {"failed": failed[peer]} if peer in failed else figures(taken) for peer, taken in samples.items()}


def take_round(case: str, peers: Iterable[str], effort: Effort) -> dict[str, Sample | SampleFailed]:
    """Take a sample of each peer, in turns."""
    answers: dict[str, Sample | SampleFailed] = {}
    with contextlib.ExitStack() as processes:
        waiting = {peer: processes.enter_context(SampleProcess(peer, case, effort)) for peer in peers}
        while waiting:
            for peer, process in list(waiting.items()):
                try:
                    answer = process.play()
                except SampleFailed as why:
                    answer = why
                if answer is not None:
                    answers[peer] = answer
                    del waiting[peer]
    return answers


class SampleProcess:
    """A process that takes a sample, and does nothing but in its turns. As a context manager it ends it."""

    def __init__(self, peer: str, case: str, effort: Effort) -> None:
        options = ["--in-turns", *(["--quick"] if effort == QUICK else [])]
        self._command = [sys.executable, "-m", "benches.sample", peer, case, *options]
        self._process: subprocess.Popen | None = None
        self._errors = tempfile.TemporaryFile("w+")

    def __enter__(self) -> "SampleProcess":
        return self

    def __exit__(self, *_) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # The sample's own servers as well.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
        self._errors.close()

    def play(self) -> Sample | None:
        """Let it run until it asks for its next turn, or has the answer."""
        if self._process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors, "text": True}
            self._process = subprocess.Popen(
                self._command, env=_environment(), start_new_session=True, bufsize=1, **pipes
            )
        else:
            with contextlib.suppress(BrokenPipeError):  # It has ended, and the next line says why.
                self._process.stdin.write("\n")
        line = self._next_line()
        return None if line == MY_TURN else Sample(**json.loads(line))

    def _next_line(self) -> str:
        if not select.select([self._process.stdout], [], [], SAMPLE_TIMEOUT)[0]:
            raise SampleFailed(f"no answer after {SAMPLE_TIMEOUT} s")
        line = self._process.stdout.readline().strip()
        if not line:
            self._errors.seek(0)
            raise _failure(self._errors.read(), self._process.wait())
        return line


def run_program(tool: list[str], program: list[str]) -> Output:
    """Run a module with its arguments in a fresh process, under a tool if one is given."""
    command = [*tool, sys.executable, "-m", *program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=_environment(), start_new_session=True, **pipes) as process:
        try:
            output, errors = process.communicate(timeout=SAMPLE_TIMEOUT)
        except BaseException as why:
            os.killpg(process.pid, signal.SIGKILL)  # The sample's own servers as well.
            if isinstance(why, subprocess.TimeoutExpired):
                raise SampleFailed(f"no answer after {SAMPLE_TIMEOUT} s") from None
            raise
    if process.returncode:
        raise _failure(errors, process.returncode)
    return Output(output, errors)


def _failure(errors: str, status: int) -> SampleFailed:
    lines = errors.strip().splitlines()
    return SampleFailed(lines[-1] if lines else f"exit code {status}")


def _environment() -> dict[str, str]:
    """Ours without what makes asyncio or Python slow on purpose; string hashes are always the same."""
    slow = {"PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC"}
    return {name: value for name, value in os.environ.items() if name not in slow} | {"PYTHONHASHSEED": "0"}
