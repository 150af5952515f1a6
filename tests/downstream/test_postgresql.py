"""asyncpg and psycopg against a PostgreSQL."""

import asyncio
import contextlib

import asyncpg
import psycopg
import pytest


def connect_asyncpg(server):
    return asyncpg.connect(host=server.host, port=server.port, user=server.user, database=server.database)


@contextlib.asynccontextmanager
async def connected(server):
    connection = await connect_asyncpg(server)
    try:
        yield connection
    finally:
        await connection.close()


def connect_psycopg(server):
    return psycopg.AsyncConnection.connect(
        host=server.host, port=server.port, user=server.user, dbname=server.database, autocommit=True
    )


def test_asyncpg_fetches_what_it_stored(run, postgresql):
    async def main():
        async with connected(postgresql) as connection:
            await connection.execute("CREATE TEMPORARY TABLE words (number int, word text)")
            rows = [(number, f"word {number}") for number in range(5000)]
            await connection.copy_records_to_table("words", records=rows)
            assert [tuple(row) for row in await connection.fetch("SELECT * FROM words ORDER BY number")] == rows
            async with connection.transaction():
                cursor = connection.cursor("SELECT number FROM words ORDER BY number")
                assert [row["number"] async for row in cursor] == list(range(5000))

    run(main)


def test_asyncpg_rolls_back_what_fails(run, postgresql):
    async def main():
        async with connected(postgresql) as connection:
            await connection.execute("CREATE TEMPORARY TABLE numbers (number int UNIQUE)")
            with pytest.raises(asyncpg.UniqueViolationError):
                async with connection.transaction():
                    await connection.execute("INSERT INTO numbers VALUES (1)")
                    await connection.execute("INSERT INTO numbers VALUES (1)")
            assert await connection.fetchval("SELECT count(*) FROM numbers") == 0

    run(main)


def test_asyncpg_has_a_pool(run, postgresql):
    async def main():
        options = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user}
        async with asyncpg.create_pool(database=postgresql.database, min_size=1, max_size=5, **options) as pool:
            results = await asyncio.gather(*[pool.fetchval("SELECT $1::int * 2", number) for number in range(100)])
            assert results == [2 * number for number in range(100)]

    run(main)


def test_asyncpg_hears_notifications(run, postgresql):
    async def main():
        async with connected(postgresql) as listener, connected(postgresql) as speaker:
            heard = asyncio.get_running_loop().create_future()
            await listener.add_listener("news", lambda *told: heard.set_result(told[-1]))
            await speaker.execute("SELECT pg_notify('news', 'hello')")
            assert await heard == "hello"

    run(main)


def test_asyncpg_gives_a_query_up_and_goes_on(run, postgresql):
    async def main():
        async with connected(postgresql) as connection:
            with pytest.raises(TimeoutError):
                await connection.fetch("SELECT pg_sleep(3600)", timeout=0.05)
            assert await connection.fetchval("SELECT 1") == 1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.fetch("SELECT pg_sleep(3600)")
            assert await connection.fetchval("SELECT 2") == 2

    run(main)


def test_psycopg_fetches_what_it_stored(run, postgresql):
    async def main():
        async with await connect_psycopg(postgresql) as connection, connection.cursor() as cursor:
            await cursor.execute("CREATE TEMPORARY TABLE words (number int, word text)")
            async with cursor.copy("COPY words FROM STDIN") as copy:
                for number in range(5000):
                    await copy.write_row((number, f"word {number}"))
            await cursor.execute("SELECT * FROM words ORDER BY number")
            assert await cursor.fetchall() == [(number, f"word {number}") for number in range(5000)]

    run(main)


def test_psycopg_sends_many_queries_in_a_pipeline(run, postgresql):
    async def main():
        async with await connect_psycopg(postgresql) as connection, connection.pipeline():
            cursors = [await connection.execute("SELECT %s::int * 2", [number]) for number in range(100)]
            assert [await cursor.fetchone() for cursor in cursors] == [(2 * number,) for number in range(100)]

    run(main)


def test_psycopg_hears_notifications(run, postgresql):
    async def main():
        async with await connect_psycopg(postgresql) as listener, await connect_psycopg(postgresql) as speaker:
            await listener.execute("LISTEN news")
            await speaker.execute("NOTIFY news, 'hello'")
            async for notification in listener.notifies(stop_after=1):
                assert notification.payload == "hello"

    run(main)


def test_psycopg_gives_a_query_up(run, postgresql):
    async def main():
        async with await connect_psycopg(postgresql) as connection:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.execute("SELECT pg_sleep(3600)")
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)

    run(main)
