"""A coroutine among what becomes JSON: the error comes from deep in a library."""

# exit: 1
import asyncio
import json


async def name():
    return "x"


async def main():
    answer = {"name": name()}  # FER009: write `answer = {"name": await name()}`
    print(json.dumps(answer))


asyncio.run(main())
