"""A thread of its own asks for a loop."""

import asyncio
import threading


def work():
    asyncio.get_event_loop()  # FER005: run_coroutine_threadsafe


thread = threading.Thread(target=work)
thread.start()
thread.join()
