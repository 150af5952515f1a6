"""A method of the result, in one expression."""

# exit: 1
import asyncio


class Client:
    async def get(self):
        return "text"


async def main():
    client = Client()
    print(client.get().upper())  # FER009: write `print((await client.get()).upper())`


asyncio.run(main())
