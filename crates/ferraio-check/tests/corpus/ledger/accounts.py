"""A database driver known only by its stubs."""

import asyncio

from ledger import fastpg
from ledger.fastpg import Connection, Pool


async def balance(connection: Connection, owner: str) -> int:
    rows = connection.fetch("SELECT amount FROM entries WHERE owner = $1", owner)  # mistake: FER001
    for row in rows:  # shows: FER001
        print(row)
    entries = await connection.fetch("SELECT amount FROM entries WHERE owner = $1", owner)
    return sum(entry["amount"] for entry in entries)


async def add(pool: Pool, owner: str, amount: int) -> None:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        transaction.start()  # mistake: FER001
        async with connection.transaction():
            connection.execute("INSERT INTO entries VALUES ($1, $2)", owner, amount)  # mistake: FER001
            await connection.execute("INSERT INTO entries VALUES ($1, $2)", owner, amount)
        if not connection.is_closed():
            connection.close()  # mistake: FER001


async def count(connection: Connection) -> str:
    number = await connection.fetchval("SELECT count(*) FROM entries")
    return f"{number + 1} of {connection.fetchval('SELECT 1')}"  # mistake: FER001


async def main() -> None:
    pool = await fastpg.create_pool("postgres://", size=3)
    connection = await fastpg.connect("postgres://")
    querying = connection.fetch("SELECT 1")
    await asyncio.wait_for(querying, timeout=1)
    await add(pool, "Ann", 3)
    balance(connection, "Ann")  # mistake: FER001
    await pool.release(connection)
    pool.terminate()
    fastpg.connect("postgres://")  # mistake: FER001
    async with await fastpg.create_pool("postgres://") as other:
        other.close()  # mistake: FER001


asyncio.run(main())
