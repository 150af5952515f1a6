"""The SDK of the Model Context Protocol: its client and its server, over stdio and over streamable HTTP."""

import asyncio
import os
import sys
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_server import make_server
from serving import serving

SERVER = str(Path(__file__).with_name("mcp_server.py"))


async def use(client):
    """What every server has to be able to do."""
    tools = await client.list_tools()
    assert [tool.name for tool in tools.tools] == ["add", "count", "refuse"]
    assert texts(await client.call_tool("add", {"one": 2, "other": 3})) == ["5"]

    sums = await asyncio.gather(*[client.call_tool("add", {"one": each, "other": each}) for each in range(20)])
    assert [texts(each) for each in sums] == [[str(2 * each)] for each in range(20)]

    steps = []

    async def on_progress(progress, total, message):
        steps.append((progress, total))

    assert texts(await client.call_tool("count", {"to": 3}, progress_callback=on_progress)) == ["3"]
    assert steps == [(1, 3), (2, 3), (3, 3)]

    refusal = await client.call_tool("refuse", {})
    assert refusal.is_error
    assert "not today" in texts(refusal)[0]

    resource = await client.read_resource("greeting://world")
    assert resource.contents[0].text == "Hello, world!"


def texts(result):
    return [content.text for content in result.content]


@pytest.mark.parametrize("served_by", ["asyncio", "ferraio"])
def test_over_stdio(run, served_by):
    as_child = {"asyncio": [SERVER], "ferraio": ["-m", "ferraio", "run", SERVER]}[served_by]

    async def main():
        server = stdio_client(StdioServerParameters(command=sys.executable, args=as_child, env=environment()))
        async with Client(server) as client:
            await use(client)

    run(main)


def environment():
    """The client starts its servers with little more than PATH; ours have to find ferraio."""
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_over_streamable_http(run, mode):
    async def main():
        async with serving(make_server().streamable_http_app(), lifespan="on") as (_, port):
            async with httpx2.AsyncClient() as http:
                transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)
                async with Client(transport, mode=mode) as client:
                    await use(client)

    run(main)


def test_a_call_that_is_given_up_leaves_the_session_usable(run):
    async def main():
        async with Client(make_server()) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.call_tool("count", {"to": 10**9})
            assert texts(await client.call_tool("add", {"one": 1, "other": 1})) == ["2"]

    run(main)
