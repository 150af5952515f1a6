"""An attribute of the result."""

# exit: 1
import asyncio


class Client:
    async def get(self):
        return self


async def main():
    response = Client().get()  # FER009: write `response = await Client().get()`
    print(response.status)


asyncio.run(main())
