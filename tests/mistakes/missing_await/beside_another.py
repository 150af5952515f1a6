"""The coroutine of another variable is not blamed."""

# exit: 1
import asyncio


class Client:
    async def get(self):
        return "text"


async def main():
    client = Client()
    later = client.get()
    try:
        print(client.get().upper())  # FER009: write `print((await client.get()).upper())`
    finally:
        await later


asyncio.run(main())
