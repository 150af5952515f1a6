"""A model's agent: a client from a library whose methods are overloaded and reached through properties."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
from anthropic import AsyncAnthropic
from anthropic.types import Message

client = AsyncAnthropic(api_key="none")
sync_client = anthropic.Anthropic(api_key="none")


class Tools:
    async def search(self, query: str) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"result": query}

    async def call(self, name: str, arguments: dict[str, str]) -> str:
        result = await getattr(self, name)(**arguments)
        return json.dumps(result)


class Assistant:
    def __init__(self, tools: Tools | None = None) -> None:
        self.client = anthropic.AsyncAnthropic(api_key="none")
        self.tools = tools or Tools()
        self.messages: list[Any] = []

    async def ask(self, question: str) -> str:
        self.messages.append({"role": "user", "content": question})
        answer = self.client.messages.create(max_tokens=10, model="m", messages=self.messages)  # mistake: FER001
        print(answer)
        said = await self.client.messages.create(max_tokens=10, model="m", messages=self.messages)
        return self.text_of(said)

    def text_of(self, message: Message) -> str:
        return "".join(block.text for block in message.content if block.type == "text")

    async def use_tools(self) -> str:
        found = json.dumps(self.tools.search("weather"))  # mistake: FER001
        self.tools.search("weather")["result"]  # mistake: FER001
        text = (await self.tools.search("weather"))["result"]
        calls = [self.tools.call("search", {"query": word}) for word in text.split()]
        return found + "".join(await asyncio.gather(*calls))

    async def stream(self, question: str) -> None:
        async with self.client.messages.stream(
            max_tokens=10, model="m", messages=[{"role": "user", "content": question}]
        ) as stream:
            async for text in stream.text_stream:
                print(text, end="")
            stream.get_final_message()  # mistake: FER001
            await stream.get_final_message()


async def count_tokens(text: str) -> int:
    counted = await client.messages.count_tokens(model="m", messages=[{"role": "user", "content": text}])
    async for model in client.models.list():
        print(model.id)
    return counted.input_tokens


def ask_without_loop(question: str) -> Message:
    return sync_client.messages.create(max_tokens=10, model="m", messages=[{"role": "user", "content": question}])


async def main() -> None:
    assistant = Assistant()
    await assistant.ask("How are you?")
    await assistant.stream("And now?")
    client.close()  # mistake: FER001
    async with AsyncAnthropic(api_key="none") as other:
        other.close()  # mistake: FER001


asyncio.run(main())
ask_without_loop("Hello?")
sync_client.close()
