"""asyncio.run where a loop runs already."""

import asyncio
import threading


async def load(name: str) -> str:
    await asyncio.sleep(0)
    return name


def load_now(name: str) -> str:
    return asyncio.run(load(name))


class Notes:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    async def title(self) -> str:
        return asyncio.run(load("title"))  # mistake: FER004

    async def body(self) -> str:
        loop = asyncio.get_running_loop()
        return loop.run_until_complete(load("body"))  # mistake: FER004

    async def footer(self) -> str:
        with asyncio.Runner() as runner:
            return runner.run(load("footer"))  # mistake: FER004

    async def author(self) -> str:
        return load_now("author")  # mistake: FER004

    async def author_well(self) -> str:
        return await asyncio.to_thread(load_now, "author")

    async def in_a_thread(self) -> None:
        thread = threading.Thread(target=lambda: asyncio.run(load("thread")))
        thread.start()
        await asyncio.to_thread(thread.join)

    async def in_a_thread_too(self) -> str:
        def work() -> str:
            return asyncio.run(load("thread"))

        return await asyncio.get_running_loop().run_in_executor(None, work)

    def title_now(self) -> str:
        return self.loop.run_until_complete(self.title())


def main() -> None:
    notes = Notes()
    print(notes.title_now(), load_now("all"))
    with asyncio.Runner() as runner:
        runner.run(notes.body())
        runner.run(notes.footer())


if __name__ == "__main__":
    main()
