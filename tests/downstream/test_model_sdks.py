"""The SDKs of Anthropic and OpenAI against the stub model server: plain, streamed, timed out, retried, cancelled."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import anthropic
import openai
import pytest

QUESTION = [{"role": "user", "content": "Name a river."}]
ANSWER = "You asked: Name a river."


class Anthropic:
    """Asks through the SDK of Anthropic."""

    sdk = anthropic
    client_class = anthropic.AsyncAnthropic
    path = ""
    reply: ClassVar = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }

    @staticmethod
    async def ask(client):
        message = await client.messages.create(model="stub", max_tokens=100, messages=QUESTION)
        return message.content[0].text

    @staticmethod
    async def ask_for_stream(client):
        """Yields the pieces of the answer, and an empty one for whatever else the server says."""
        async with client.messages.stream(model="stub", max_tokens=100, messages=QUESTION) as stream:
            async for event in stream:
                yield event.text if event.type == "text" else ""


class OpenAI:
    """Asks through the SDK of OpenAI."""

    sdk = openai
    client_class = openai.AsyncOpenAI
    path = "/v1"
    reply: ClassVar = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER, "refusal": None}}
        ],
    }

    @staticmethod
    async def ask(client):
        completion = await client.chat.completions.create(model="stub", messages=QUESTION)
        return completion.choices[0].message.content

    @staticmethod
    async def ask_for_stream(client):
        """Yields the pieces of the answer, and an empty one for whatever else the server says."""
        async with await client.chat.completions.create(model="stub", messages=QUESTION, stream=True) as stream:
            async for chunk in stream:
                yield (chunk.choices and chunk.choices[0].delta.content) or ""


@pytest.fixture(params=[Anthropic, OpenAI], ids=lambda service: service.sdk.__name__)
def service(request):
    """Whose SDK is used."""
    return request.param


def client_of(service, address, **options):
    options.setdefault("max_retries", 0)
    return service.client_class(base_url=address + service.path, api_key="any", **options)


@pytest.fixture
def failing_server():
    """A server that refuses as many requests as it is told to, then answers; counts what it got."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            refused = server.requests < server.refuse
            server.requests += 1
            body = json.dumps({"error": {"type": "overloaded_error", "message": "no"}} if refused else server.reply)
            self.send_response(503 if refused else 200)
            self.send_header("retry-after-ms", "1")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.requests = 0
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_question_is_answered(run, service, model_server):
    async def main():
        async with client_of(service, model_server) as client:
            assert (await service.ask(client)).startswith(ANSWER)

    run(main)


def test_many_questions_at_once_get_each_their_answer(run, service, model_server):
    async def main():
        async with client_of(service, model_server) as client:
            answers = await asyncio.gather(*[service.ask(client) for _ in range(50)])
            assert len(answers) == 50
            assert all(answer.startswith(ANSWER) for answer in answers)

    run(main)


def test_a_task_group_of_streams_reads_them_side_by_side(run, service, model_server):
    async def collect(client):
        return [text async for text in service.ask_for_stream(client)]

    async def main():
        async with client_of(service, model_server) as client, asyncio.TaskGroup() as group:
            streams = [group.create_task(collect(client)) for _ in range(10)]
        for stream in streams:
            assert len(stream.result()) > 5
            assert "".join(stream.result()).startswith(ANSWER)

    run(main)


def test_an_answer_that_does_not_come_times_out(run, service, slow_model_server):
    async def main():
        async with client_of(service, slow_model_server, timeout=0.05) as client:
            with pytest.raises(service.sdk.APITimeoutError):
                await service.ask(client)

    run(main)


def test_asyncio_timeout_gives_a_question_up(run, service, slow_model_server):
    async def main():
        async with client_of(service, slow_model_server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await service.ask(client)

    run(main)


def test_a_refused_question_is_asked_again(run, service, failing_server):
    failing_server.refuse, failing_server.reply = 2, service.reply

    async def main():
        async with client_of(service, failing_server.address, max_retries=2) as client:
            assert await service.ask(client) == ANSWER

    run(main)
    assert failing_server.requests == 3


def test_a_question_that_is_always_refused_fails(run, service, failing_server):
    failing_server.refuse, failing_server.reply = 10, service.reply

    async def main():
        async with client_of(service, failing_server.address, max_retries=1) as client:
            with pytest.raises(service.sdk.InternalServerError):
                await service.ask(client)

    run(main)
    assert failing_server.requests == 2


def test_a_server_that_is_not_there_is_a_connection_error(run, service, unused_port):
    async def main():
        async with client_of(service, f"http://127.0.0.1:{unused_port}") as client:
            with pytest.raises(service.sdk.APIConnectionError):
                await service.ask(client)

    run(main)


def test_a_stream_cancelled_in_the_middle_leaves_the_client_usable(run, service, hesitant_model_server, model_server):
    async def main():
        begun = asyncio.Event()

        async def read():
            async for _ in service.ask_for_stream(client):
                begun.set()

        async with client_of(service, hesitant_model_server) as client:
            reading = asyncio.create_task(read())
            await begun.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            client.base_url = model_server + service.path
            assert (await service.ask(client)).startswith(ANSWER)

    run(main)


def test_questions_cancelled_while_they_wait_do_not_disturb_the_others(run, service, slow_model_server, model_server):
    async def main():
        async with client_of(service, slow_model_server) as slow, client_of(service, model_server) as quick:
            waiting = [asyncio.create_task(service.ask(slow)) for _ in range(10)]
            assert (await service.ask(quick)).startswith(ANSWER)
            for task in waiting:
                task.cancel()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert (await service.ask(quick)).startswith(ANSWER)

    run(main)
