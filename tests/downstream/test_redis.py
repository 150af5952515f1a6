"""redis-py against a Redis."""

import asyncio
import contextlib

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError


@pytest.fixture
def connect(redis_port):
    """Connects to an empty database."""

    @contextlib.asynccontextmanager
    async def connect(**options):
        async with redis.asyncio.Redis(host="127.0.0.1", port=redis_port, decode_responses=True, **options) as client:
            await client.flushdb()
            yield client

    return connect


def test_what_is_set_can_be_got(run, connect):
    async def main():
        async with connect() as client:
            await client.set("key", "x" * 1_000_000)
            assert await client.get("key") == "x" * 1_000_000
            assert await client.get("other") is None

    run(main)


def test_a_pipeline_gives_its_results_in_order(run, connect):
    async def main():
        async with connect() as client, client.pipeline(transaction=True) as pipeline:
            for _ in range(1000):
                pipeline.incr("counter")
            assert await pipeline.execute() == list(range(1, 1001))

    run(main)


def test_many_at_once_share_a_pool(run, connect):
    async def main():
        async with connect() as client:
            await asyncio.gather(*[client.incr("counter") for _ in range(100)])
            assert await client.get("counter") == "100"

    run(main)


def test_what_is_published_is_heard(run, connect):
    async def main():
        async with connect() as client, client.pubsub() as channel:
            await channel.subscribe("news")
            assert (await anext(channel.listen()))["type"] == "subscribe"
            await client.publish("news", "hello")
            assert (await anext(channel.listen()))["data"] == "hello"

    run(main)


def test_a_wait_for_an_element_ends_when_there_is_one(run, connect):
    async def main():
        async with connect() as client:
            waiting = asyncio.create_task(client.blpop("queue", timeout=20))
            while not (await client.info("clients"))["blocked_clients"]:
                pass
            await client.rpush("queue", "element")
            assert list(await waiting) == ["queue", "element"]

    run(main)


def test_a_wait_that_is_cancelled_leaves_the_client_usable(run, connect):
    async def main():
        async with connect() as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.blpop("queue", timeout=20)
            await client.set("key", "value")
            assert await client.get("key") == "value"

    run(main)


def test_a_lock_is_held_by_one_at_a_time(run, connect):
    async def main():
        inside = 0

        async def enter():
            nonlocal inside
            async with client.lock("lock", sleep=0.001):
                inside += 1
                assert inside == 1
                await client.ping()
                inside -= 1

        async with connect() as client:
            await asyncio.gather(*[enter() for _ in range(5)])

    run(main)


def test_a_server_that_is_not_there_is_a_connection_error(run, unused_port):
    async def main():
        async with redis.asyncio.Redis(port=unused_port, retry=None) as client:
            with pytest.raises(RedisConnectionError):
                await client.ping()

    run(main)
