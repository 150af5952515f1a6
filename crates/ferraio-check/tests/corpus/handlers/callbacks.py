"""Coroutine functions handed to somebody who will call, but not await them."""

import asyncio
import atexit
import signal
import threading
from concurrent.futures import ThreadPoolExecutor


async def save_state() -> None:
    await asyncio.sleep(0)


async def is_alive(host: str) -> bool:
    await asyncio.sleep(0)
    return host != ""


def close_sync() -> None:
    print("closed")


async def main(hosts: list[str]) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(5, save_state)  # mistake: FER001
    loop.call_soon(close_sync)
    loop.add_signal_handler(signal.SIGTERM, save_state)  # mistake: FER001
    loop.add_signal_handler(signal.SIGINT, close_sync)
    atexit.register(save_state)  # mistake: FER001
    threading.Thread(target=save_state).start()  # mistake: FER001
    alive = list(filter(is_alive, hosts))  # mistake: FER001
    await asyncio.to_thread(save_state)  # mistake: FER001
    await asyncio.to_thread(asyncio.run, save_state())
    await asyncio.to_thread(close_sync)
    with ThreadPoolExecutor() as pool:
        pool.submit(asyncio.run, save_state())
        pool.submit(save_state)  # mistake: FER001
    answers = await asyncio.gather(*map(is_alive, hosts))
    print(alive, answers)
    loop.call_soon(lambda: keep(loop.create_task(save_state())))
    loop.call_later(1, lambda: save_state())  # mistake: FER001
    saved = asyncio.create_task(save_state())
    saved.add_done_callback(lambda _: close_sync())
    asyncio.run_coroutine_threadsafe(save_state(), loop)
    await saved


kept: set[asyncio.Task[None]] = set()


def keep(task: asyncio.Task[None]) -> None:
    kept.add(task)
