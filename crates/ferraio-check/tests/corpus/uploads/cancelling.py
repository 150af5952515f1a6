"""More ways to lose a cancellation, a task or an error."""

import asyncio
import logging
from asyncio import CancelledError

log = logging.getLogger(__name__)
running = set()


async def send(name):
    await asyncio.sleep(0)


async def send_for_ever(names):
    while True:
        try:
            for name in names:
                await send(name)
        except CancelledError:  # mistake: FER010
            pass


async def send_once(name):
    try:
        async with asyncio.timeout(1):
            await send(name)
    except (TimeoutError, BaseException):  # mistake: FER010
        return None  # shows: FER010


async def send_with_retry(name):
    for attempt in range(3):
        try:
            return await send(name)
        except:  # mistake: FER010
            log.warning("attempt %s", attempt)


async def send_and_tell(name):
    try:
        await send(name)
    except CancelledError:
        log.info("cancelled: %s", name)
        raise
    except Exception:
        log.exception("failed: %s", name)


async def send_with_cleanup(name):
    done = False
    try:
        await send(name)
        done = True
    except BaseException:
        if not done:
            log.info("not done")
        raise


async def stop(task):
    task.cancel()
    try:
        await task
    except CancelledError:
        log.info("stopped")


async def with_timeout(name):
    try:
        await asyncio.wait_for(send(name), 1)
    except TimeoutError:
        log.info("too slow")


def in_background(name):
    task = asyncio.create_task(send(name))
    running.add(task)
    task.add_done_callback(running.discard)
    return task


def in_background_and_lost(name):
    task = asyncio.create_task(send(name))  # mistake: FER006
    log.info("started %s", name)


async def main(names):
    for name in names:
        in_background(name)
    asyncio.get_event_loop().create_task(send("x"))  # mistake: FER006
    results = await asyncio.gather(*map(send, names), return_exceptions=True)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        log.error("%s failed", len(errors))
    await asyncio.gather(*map(send_once, names), return_exceptions=True)  # mistake: FER008
    await asyncio.gather(send_for_ever(names), send_with_retry("a"))
