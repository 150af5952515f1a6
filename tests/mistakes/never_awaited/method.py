"""The method of an object, several lines long."""

import asyncio


class Client:
    def __init__(self, name):
        self.name = name

    async def send(self, text):
        return text


async def main():
    (
        Client("one").send("hello")  # FER001: coroutine Client.send() was never awaited
    )


asyncio.run(main())
