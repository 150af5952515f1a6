"""uvicorn with FastAPI: served on our loop, and as the command that users type; a running request is finished."""

import asyncio
import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import fastapi_app
import httpx
import pytest
from serving import serving

HERE = str(Path(__file__).parent)


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_requests_are_answered(run, parser):
    async def main():
        async with serving(fastapi_app.app, http=parser) as (_, port), client_of(port) as client:
            replies = await asyncio.gather(*[client.get(f"/double/{number}") for number in range(50)])
            assert [reply.json() for reply in replies] == [{"is": 2 * number} for number in range(50)]
            assert (await client.get("/double/three")).status_code == 422
            assert (await client.get("/in-a-thread")).json() == {"in": "AnyIO worker thread"}

    run(main)


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_a_graceful_stop_finishes_the_running_request(run, parser):
    async def main():
        fastapi_app.signals = signals = fastapi_app.Signals()
        async with serving(fastapi_app.app, http=parser) as (server, port), client_of(port) as client:
            running = asyncio.create_task(client.get("/when-told"))
            await signals.begun.wait()
            server.should_exit = True
            while not fastapi_app.stopping(server):
                await asyncio.sleep(0)
            assert not running.done()
            signals.go_on.set()
            assert (await running).json() == {"finished": True}

    run(main)


def test_a_background_task_runs_after_the_reply(run):
    async def main():
        fastapi_app.signals = signals = fastapi_app.Signals()
        async with serving(fastapi_app.app) as (_, port), client_of(port) as client:
            assert (await client.get("/background")).json() == {"accepted": True}
            await signals.begun.wait()

    run(main)


COMMANDS = {
    "asyncio": ["-m", "uvicorn", "--loop", "asyncio"],
    "custom loop": ["-m", "uvicorn", "--loop", "ferraio:new_event_loop"],
    "ferraio run": ["-m", "ferraio", "run", "-m", "uvicorn"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_serves_and_ends_when_told(command):
    loop = {
        "asyncio": "asyncio.unix_events",
        "custom loop": "ferraio._event_loop",
        "ferraio run": "ferraio._event_loop",
    }
    with Server(COMMANDS[command]) as server:
        assert server.get("/loop").startswith(f'{{"module":"{loop[command]}"')
        server.process.send_signal(signal.SIGTERM)
        # uvicorn raises the signals that it got once more when it has cleaned up.
        assert server.process.wait() in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in server.rest()


@pytest.mark.parametrize("command", COMMANDS)
def test_told_to_end_during_a_request_the_command_finishes_it_first(command):
    with Server(COMMANDS[command]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/until-told-to-end")
        reply = connection.getresponse()  # its head is there: the request is running
        server.process.send_signal(signal.SIGTERM)
        assert reply.read() == b"begun, finished"
        connection.close()
        server.process.wait()


class Server:
    """The command in a process of its own, on a port that it chose."""

    def __init__(self, command):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))}
        self.process = subprocess.Popen(
            [sys.executable, *command, "--host", "127.0.0.1", "--port", "0", "fastapi_app:app"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return self
        pytest.fail(f"uvicorn did not start:\n{''.join(said)}", pytrace=False)

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def get(self, path):
        return httpx.get(f"http://127.0.0.1:{self.port}{path}").text

    def rest(self):
        return self.process.stderr.read()


def client_of(port):
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
