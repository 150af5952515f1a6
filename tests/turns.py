"""Letting a loop make turns, from within and from without; coroutines that take some and then end."""

import asyncio


async def turn(times=1):
    """Let others run for so many turns."""
    for _ in range(times):
        await asyncio.sleep(0)


async def value(result, turns=0):
    """Return something, after so many turns."""
    await turn(turns)
    return result


async def fail(error, turns=0):
    """Raise something, after so many turns."""
    await turn(turns)
    raise error


def run_turns(loop, turns=1):
    """Run a loop for so many turns."""
    for _ in range(turns):
        loop.call_soon(loop.stop)
        loop.run_forever()
