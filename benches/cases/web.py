"""Web servers that say hello: their own CPU time per request, and requests per second.

The load comes from wrk, a process of nobody; where it is not installed, there are no figures.
"""

import re
import shutil
import subprocess
import sys

from benches.case import Effort, Sample, reading
from benches.echo_client import echo_client

CONNECTIONS = 20
SECONDS = 2
"""How long wrk runs; it counts in whole seconds."""


@reading("uvicorn with httptools, a request", unit="ns")
def uvicorn(peer, effort):
    """How much CPU does a request cost uvicorn, which answers it with an ASGI application?"""
    return _server_cpu(peer, "uvicorn", effort)


@reading("aiohttp, a request", unit="ns")
def aiohttp(peer, effort):
    """How much CPU does a request cost aiohttp's web server?"""
    return _server_cpu(peer, "aiohttp", effort)


def _server_cpu(peer, style: str, effort: Effort) -> Sample:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    command = [sys.executable, "-m", "benches.echo_server", peer.name, style]
    with echo_client(command, connections=0, message_size=0) as client:
        costs = [client.cost_of(lambda: _load(client.address)) for _ in effort.turns(effort.few)]
    best = min(costs, key=lambda cost: cost.server_cpu / cost.requests)
    return Sample(
        best.server_cpu / best.requests * 1e9, best.requests, {"requests per second": best.requests / best.elapsed}
    )


def _load(port: str) -> int:
    """Ask for as long as agreed; return how many were answered."""
    load = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s"]
    report = subprocess.run([*load, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    if "Socket errors" in report or "Non-2xx" in report:
        raise SystemExit(f"wrk saw errors: {report}")
    return int(re.search(r"(\d+) requests in", report)[1])
