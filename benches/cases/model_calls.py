"""Calls of a model with the real anthropic SDK: what the loop's share is worth in an agent.

The stub model server runs in a process of its own and answers at once; only the client's CPU counts.
"""

import asyncio
import contextlib
import re
import subprocess
import sys

from benches.case import operations
from benches.echo_client import apart_from

SERVER = [sys.executable, "-m", "ferraio.demo.model_server", "--port", "0", "--delay", "0"]


@contextlib.asynccontextmanager
async def anthropic_client():
    """An SDK client that talks to a stub of its own."""
    import anthropic

    # The server ends when its stdin does, and so never outlives us.
    with subprocess.Popen(SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        address = _address(server.stdout.readline())
        with apart_from(server.pid):
            async with anthropic.AsyncAnthropic(api_key="stub", base_url=address, max_retries=0) as client:
                yield (client,)


@operations("anthropic SDK, one call after another", least=25, prepare=anthropic_client)
async def anthropic_in_turn(count, client):
    """How much CPU does a call of the model cost, one after another?"""
    await _call(client, count)


@operations("anthropic SDK, 50 calls at once", least=50, prepare=anthropic_client)
async def anthropic_50(count, client):
    """How much CPU does a call of the model cost when fifty are under way?"""
    await asyncio.gather(*[_call(client, count // 50) for _ in range(50)])


async def _call(client, times):
    for _ in range(times):
        await client.messages.create(
            model="stub", max_tokens=16, messages=[{"role": "user", "content": "How are you?"}]
        )


def _address(line):
    """The server's first line names where it listens."""
    found = re.search(r"(?:http://)?([\w.]+:\d+)", line)
    if found is None:
        raise RuntimeError(f"the model server said {line!r} and not its address")
    return f"http://{found[1]}"
