"""Runs the samples: one fresh process each, the peers in turn, round after round."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from benches.case import QUICK, Case, Effort, Sample
from benches.peers import Peer
from benches.results import figures

SAMPLE_TIMEOUT = 180
"""Seconds; a sample that needs more hangs."""


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
        for peer in samples:
            if peer in failed:
                continue
            try:
                samples[peer].append(take_sample(case.key, peer, effort))
            except SampleFailed as why:
                failed[peer] = str(why)
    return {peer: {"failed": failed[peer]} if peer in failed else figures(taken) for peer, taken in samples.items()}


def take_sample(case: str, peer: str, effort: Effort) -> Sample:
    output = run_sample([], [peer, case, *(["--quick"] if effort == QUICK else [])]).output
    return Sample(**json.loads(output.splitlines()[-1]))


def run_sample(tool: list[str], arguments: list[str]) -> Output:
    """Run `benches.sample`, under a tool if one is given."""
    return run_program(tool, ["benches.sample", *arguments])


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
        lines = errors.strip().splitlines()
        raise SampleFailed(lines[-1] if lines else f"exit code {process.returncode}")
    return Output(output, errors)


def _environment() -> dict[str, str]:
    """Ours without what makes asyncio or Python slow on purpose; string hashes are always the same."""
    slow = {"PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC"}
    return {name: value for name, value in os.environ.items() if name not in slow} | {"PYTHONHASHSEED": "0"}
