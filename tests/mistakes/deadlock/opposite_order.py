"""Two tasks take two locks, each in its own order."""
# mode: strict
# exit: 1

import asyncio


async def deposit(account, ledger):
    async with account:
        await asyncio.sleep(0)
        async with ledger:  # FER007: waits for Lock A, held by task 'Task-3' (audit), which waits for Lock B
            pass


async def audit(account, ledger):
    async with ledger:
        await asyncio.sleep(0)
        async with account:
            pass


async def main():
    account, ledger = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(deposit(account, ledger), audit(account, ledger))


asyncio.run(main())
