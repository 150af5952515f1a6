"""An async generator is iterated without async, and another one is awaited."""

# exit: 1
import asyncio


async def rows():
    yield 1


async def iterate():
    for row in rows():  # FER009: write `async for` instead of `for`
        print(row)


async def main():
    iterating = asyncio.create_task(iterate())
    await asyncio.wait([iterating])
    try:
        await iterating
    finally:
        await rows()  # FER009: write `async for … in rows()`


asyncio.run(main())
