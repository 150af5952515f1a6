"""httpx and httpx2 against uvicorn, plain and with TLS, on one loop."""

import asyncio
import contextlib

import httpx
import httpx2
import pytest
from serving import serving
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

PAYLOAD = bytes(range(256)) * 4096


async def echo(request):
    return Response(await request.body())


async def stream(request):
    async def pieces():
        for start in range(0, len(PAYLOAD), 65536):
            yield PAYLOAD[start : start + 65536]

    return StreamingResponse(pieces())


async def drip(request):
    async def pieces():
        yield b"first"
        await asyncio.Event().wait()

    return StreamingResponse(pieces())


APP = Starlette(routes=[Route("/echo", echo, methods=["POST"]), Route("/stream", stream), Route("/drip", drip)])


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def library(request):
    """Which of the two."""
    return request.param


@pytest.fixture(params=["plain", "tls"])
def connect(request, library, certificate, client_tls, tmp_path):
    """Serves, and yields a client and the server."""
    options = {}
    if request.param == "tls":
        file = tmp_path / "certificate.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(file)
        options = {"ssl_certfile": file}

    @contextlib.asynccontextmanager
    async def connect():
        async with serving(APP, timeout_graceful_shutdown=1, **options) as (_, port):
            address = f"{'https' if options else 'http'}://127.0.0.1:{port}"
            async with library.AsyncClient(base_url=address, verify=client_tls) as client:
                yield client

    return connect


def test_a_large_body_comes_back_as_it_was_sent(run, connect):
    async def main():
        async with connect() as client:
            assert (await client.post("/echo", content=PAYLOAD)).content == PAYLOAD

    run(main)


def test_many_requests_at_once_get_each_their_reply(run, connect):
    async def main():
        async with connect() as client:
            requests = [client.post("/echo", content=str(number).encode()) for number in range(50)]
            assert [reply.text for reply in await asyncio.gather(*requests)] == [str(number) for number in range(50)]

    run(main)


def test_a_streamed_reply_is_read_in_pieces(run, connect):
    async def main():
        async with connect() as client, client.stream("GET", "/stream") as reply:
            assert b"".join([piece async for piece in reply.aiter_bytes(10_000)]) == PAYLOAD

    run(main)


def test_a_stream_that_stalls_times_out(run, connect, library):
    async def main():
        async with connect() as client:
            with pytest.raises(library.ReadTimeout):
                async with client.stream("GET", "/drip", timeout=0.05) as reply:
                    async for piece in reply.aiter_bytes():
                        assert piece == b"first"

    run(main)


def test_a_stream_cancelled_in_the_middle_leaves_the_client_usable(run, connect):
    async def main():
        async with connect() as client:
            begun = asyncio.Event()

            async def read():
                async with client.stream("GET", "/drip") as reply:
                    async for _ in reply.aiter_bytes():
                        begun.set()

            reading = asyncio.create_task(read())
            await begun.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert (await client.post("/echo", content=b"next")).content == b"next"

    run(main)


def test_a_closed_port_is_a_connection_error(run, library, unused_port):
    async def main():
        async with library.AsyncClient() as client:
            with pytest.raises(library.ConnectError):
                await client.get(f"http://127.0.0.1:{unused_port}")

    run(main)
