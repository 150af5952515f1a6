"""Who silences the warning of Python silences the finding."""

import asyncio
import warnings

warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)


async def save(item):
    return item


async def main():
    save(1)


asyncio.run(main())
