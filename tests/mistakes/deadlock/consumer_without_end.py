"""The producer is done, and its consumer waits for ever."""
# mode: strict
# exit: 1

import asyncio


async def produce(queue):
    for number in range(3):
        await queue.put(number)


async def consume(queue):
    while True:
        await queue.get()  # FER007: waits for an item of the Queue, which is empty


async def main():
    queue = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(queue))
        group.create_task(consume(queue))


asyncio.run(main())
