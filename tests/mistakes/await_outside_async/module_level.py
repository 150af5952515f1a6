"""await at the top of a program."""

# exit: 1
import asyncio

await asyncio.sleep(1)  # FER003: put it into `async def main():` and run that with `asyncio.run(main())`
