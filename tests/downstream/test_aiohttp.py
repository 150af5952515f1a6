"""aiohttp's client and server, plain and with TLS, on one loop."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

ABANDONED = web.AppKey("abandoned", asyncio.Event)
PAYLOAD = bytes(range(256)) * 4096  # a mebibyte: more than any buffer on the way takes at once


def make_app():
    app = web.Application(client_max_size=4 * len(PAYLOAD))
    app[ABANDONED] = asyncio.Event()

    async def echo(request):
        return web.Response(body=await request.read())

    async def stream(request):
        reply = web.StreamResponse()
        await reply.prepare(request)
        for start in range(0, len(PAYLOAD), 65536):
            await reply.write(PAYLOAD[start : start + 65536])
        return reply

    async def chat(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    async def never(request):
        try:
            await asyncio.Event().wait()
        finally:
            app[ABANDONED].set()

    app.add_routes(
        [web.post("/echo", echo), web.get("/stream", stream), web.get("/chat", chat), web.get("/never", never)]
    )
    return app


@asynccontextmanager
async def serving(app, tls):
    """Serves the application, and yields its address."""
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(params=["plain", "tls"])
def used(request, run, server_tls, client_tls):
    """Runs a function on a served application: it gets the client's session, the address and the application."""
    tls = request.param == "tls"

    def used(use):
        async def main():
            app = make_app()
            connector = aiohttp.TCPConnector(ssl=client_tls if tls else True)
            async with (
                serving(app, server_tls if tls else None) as address,
                aiohttp.ClientSession(connector=connector) as session,
            ):
                await use(session, address, app)

        run(main)

    return used


def test_a_large_body_comes_back_as_it_was_sent(used):
    async def use(session, address, app):
        async with session.post(f"{address}/echo", data=PAYLOAD) as reply:
            assert await reply.read() == PAYLOAD

    used(use)


def test_many_requests_at_once_get_each_their_reply(used):
    async def use(session, address, app):
        async def ask(number):
            async with session.post(f"{address}/echo", data=str(number)) as reply:
                return await reply.text()

        assert await asyncio.gather(*[ask(number) for number in range(200)]) == [str(n) for n in range(200)]

    used(use)


def test_a_streamed_reply_is_read_in_pieces(used):
    async def use(session, address, app):
        async with session.get(f"{address}/stream") as reply:
            assert b"".join([chunk async for chunk in reply.content.iter_chunked(10_000)]) == PAYLOAD

    used(use)


def test_a_reply_left_unread_does_not_disturb_the_next(used):
    async def use(session, address, app):
        async with session.get(f"{address}/stream") as reply:
            await reply.content.readexactly(10)
        async with session.post(f"{address}/echo", data=b"next") as reply:
            assert await reply.read() == b"next"

    used(use)


def test_a_web_socket_talks_both_ways(used):
    async def use(session, address, app):
        async with session.ws_connect(f"{address}/chat") as socket:
            for word in ("one", "two", "x" * 300_000):
                await socket.send_str(word)
                assert await socket.receive_str() == word.upper()

    used(use)


def test_a_request_that_times_out_ends_at_the_server_too(used):
    async def use(session, address, app):
        with pytest.raises(TimeoutError):
            await session.get(f"{address}/never", timeout=aiohttp.ClientTimeout(total=0.05))
        await app[ABANDONED].wait()

    used(use)


def test_a_certificate_that_nobody_vouches_for_is_refused(run, server_tls):
    async def main():
        async with serving(make_app(), server_tls) as address, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{address}/stream")

    run(main)
