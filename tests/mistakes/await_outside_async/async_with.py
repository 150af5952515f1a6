"""async with in a method that is not async."""

# exit: 1
import asyncio


class Client:
    def __init__(self):
        self.lock = asyncio.Lock()

    def send(self):
        async with self.lock:  # FER003: `send` is not async, so it cannot use `async with`
            pass
