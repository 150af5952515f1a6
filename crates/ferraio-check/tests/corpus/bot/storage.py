"""What the bot remembers: some of it is async."""

import asyncio

everything = []
stores = []


class Storage:
    def __init__(self, path):
        self.path = path
        self.rows = {}
        stores.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    async def put(self, key, value):
        self.rows[key] = value
        await self.flush()

    async def get(self, key, default=None):
        await asyncio.sleep(0)
        return self.rows.get(key, default)

    async def flush(self):
        await asyncio.sleep(0)

    def close(self):
        self.rows.clear()
        return None

    def close_all(self):
        for store in stores:
            store.close()
        self.flush()  # mistake: FER001


async def flush_all():
    for store in stores:
        await store.flush()


def remember(line):
    everything.append(line)
