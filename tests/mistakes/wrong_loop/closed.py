"""The loop of a run that is over."""

# exit: 1
import asyncio


async def main():
    return asyncio.get_running_loop()


loop = asyncio.run(main())
loop.call_soon(print)  # FER005: this loop is closed already
