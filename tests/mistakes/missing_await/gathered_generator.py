"""gather() of what makes coroutines one by one."""

# exit: 1
# python: 3.12
import asyncio


async def load(number):
    return number


async def main():
    await asyncio.gather(load(number) for number in range(2))  # FER009: write `await asyncio.gather(*[load(number) for


asyncio.run(main())
