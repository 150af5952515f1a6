"""What needs a running loop, called where none can run yet."""

import asyncio


async def job(name):
    await asyncio.sleep(0)


def submit(name):
    return asyncio.create_task(job(name))


def submit_all(names):
    return [submit(name) for name in names]


class Scheduler:
    def __init__(self):
        self.tasks = [submit("init")]

    async def start(self):
        self.tasks.append(submit("start"))
        self.tasks.extend(submit_all(["a", "b"]))


class LazyScheduler:
    def __init__(self):
        self.tasks = []

    def add(self, name):
        self.tasks.append(submit(name))


first = submit("at import")  # mistake: FER005
rest = submit_all(["a", "b"])  # mistake: FER005
scheduler = Scheduler()  # mistake: FER005
lazy = LazyScheduler()
lazy.add("at import")  # mistake: FER005
ensured = asyncio.ensure_future(job("at import"))  # mistake: FER005
later = asyncio.get_running_loop().call_later(1, print)  # mistake: FER005


async def main():
    started = Scheduler()
    await started.start()
    lazy.add("in main")
    await asyncio.gather(*submit_all(["c"]))


def run():
    asyncio.run(main())


if __name__ == "__main__":
    run()
