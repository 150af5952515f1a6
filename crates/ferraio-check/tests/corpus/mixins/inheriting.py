"""Several bases: which method is meant is decided by their order."""

from __future__ import annotations

import asyncio


class Logged:
    def log(self, text: str) -> None:
        print(text)

    def start(self) -> None:
        self.log("started")


class Lived:
    async def start(self) -> None:
        await self.prepare()

    async def prepare(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self.prepare()  # mistake: FER001


class Connected(Lived):
    async def prepare(self) -> None:
        await super().prepare()
        super().stop()  # mistake: FER001

    def close(self):
        return self.stop()


class LoggedService(Logged, Connected):
    """`start` is Logged's, and so an ordinary method."""

    def run(self) -> None:
        self.start()
        super().start()


class Service(Connected, Logged):
    """`start` is Lived's."""

    async def run(self) -> None:
        self.log("running")
        self.start()  # mistake: FER001
        super().start()  # mistake: FER001
        await self.start()
        self.close()  # mistake: FER001
        await self.close()


class Made(type):
    async def build(cls) -> None:
        await asyncio.sleep(0)


class Product(metaclass=Made):
    pass


async def main() -> None:
    LoggedService().start()
    LoggedService().stop()  # mistake: FER001
    Service().start()  # mistake: FER001
    await Service().run()
    await Product.build()
    services: list[Connected] = [LoggedService(), Service()]
    for service in services:
        service.stop()  # mistake: FER001
        await service.stop()


asyncio.run(main())
