"""The agent program of the demo: a plain asyncio program on the real `anthropic` SDK. Copy from it what you
need.

The first half is the program; nothing in it knows about ferraio. The second half measures it and is its
command line: `python -m ferraio.demo.agent --loop ferraio --base-url http://127.0.0.1:8000` prints its
figures as JSON. Without a `--base-url` it talks to the real service, with the key in ANTHROPIC_API_KEY.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import anthropic
from anthropic import AsyncAnthropic

QUESTIONS = [
    "Name a river in Italy, in one word.",
    "Name a mountain in Italy, in one word.",
    "Name a city in Italy, in one word.",
]


def tool(name: str, description: str) -> Any:
    """Describes a tool to the model. All of ours want to know the city."""
    city = {"type": "string", "examples": ["Rome"]}
    schema = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    return {"name": name, "description": description, "input_schema": schema}


TOOLS = [
    tool("weather", "Tells what the weather of a city is like."),
    tool("history", "Tells the history of a city."),
    tool("kitchen", "Tells what is eaten in a city."),
]


class Agent:
    """Asks a model, and counts how often."""

    def __init__(self, client: AsyncAnthropic, model: str) -> None:
        self.client = client
        self.model = model
        self.calls = 0

    async def create(self, messages: list[Any], **options: Any) -> Any:
        """Makes one call to the model."""
        self.calls += 1
        return await self.client.messages.create(model=self.model, max_tokens=100, messages=messages, **options)

    async def ask(self, question: str) -> str:
        """Asks one question and gives the text of the answer."""
        return text_of(await self.create([{"role": "user", "content": question}]))

    async def run_tool(self, name: str, arguments: dict[str, Any]) -> str:
        """Does what the model asked for. Our tools are little agents: each asks the model itself."""
        return await self.ask(f"In ten words: {name} of {arguments.get('city', 'Rome')}?")


def text_of(message: Any) -> str:
    """Gives the text of a message, without tool calls."""
    return "".join(block.text for block in message.content if block.type == "text")


async def one_by_one(agent: Agent) -> list[str]:
    """Three questions, each waits for the answer to the one before."""
    answers = []
    for question in QUESTIONS:
        answers.append(await agent.ask(question))
    return answers


async def with_gather(agent: Agent) -> list[str]:
    """The same three questions at the same time."""
    return await asyncio.gather(*[agent.ask(question) for question in QUESTIONS])


async def with_tools(agent: Agent) -> str:
    """The model asks for tools; they run at the same time, and if one fails, the others are cancelled."""
    messages: list[Any] = [{"role": "user", "content": "Use all your tools at once to tell me about Rome."}]
    reply = await agent.create(messages, tools=TOOLS, tool_choice={"type": "any"})
    wanted = [block for block in reply.content if block.type == "tool_use"]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(agent.run_tool(block.name, block.input)) for block in wanted]

    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": task.result()}
        for block, task in zip(wanted, tasks, strict=True)
    ]
    messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]
    return text_of(await agent.create(messages, tools=TOOLS))


async def many_at_once(agent: Agent, calls: int, concurrency: int) -> list[str]:
    """Many questions, never more than `concurrency` on their way: services limit how fast you may ask."""
    free_places = asyncio.Semaphore(concurrency)

    async def ask_when_free(number: int) -> str:
        async with free_places:
            return await agent.ask(f"What is {number} plus {number}? Only the number.")

    return await asyncio.gather(*[ask_when_free(number) for number in range(calls)])


async def streamed(agent: Agent) -> str:
    """One question whose answer is read while it is written."""
    agent.calls += 1
    pieces = []
    messages: list[Any] = [{"role": "user", "content": "Write one sentence about the sea."}]
    async with agent.client.messages.stream(model=agent.model, max_tokens=100, messages=messages) as stream:
        async for piece in stream.text_stream:
            pieces.append(piece)
    return "".join(pieces)


# Measuring it.


@dataclass(frozen=True, slots=True)
class Figures:
    """What one part of the program took, in seconds."""

    part: str
    calls: int
    wall: float
    cpu: float
    #: How long as many calls take one after another.
    one_after_another: float


async def measure(part: str, agent: Agent, work: Coroutine[Any, Any, Any], one_call: float | None) -> Figures:
    """Runs one part. `one_call` is how long a call takes alone; None if the part shows that itself."""
    calls, wall, cpu = agent.calls, time.perf_counter(), time.process_time()
    await work
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - wall
    calls = agent.calls - calls
    return Figures(part, calls, wall, cpu, wall if one_call is None else calls * one_call)


async def measure_all(agent: Agent, calls: int, concurrency: int) -> list[Figures]:
    """Runs every part of the program.

    What the same calls take one after another is counted from the first part, where each call has the loop
    for itself: the latencies of calls that run together also contain how long they wait for each other.
    """
    await agent.ask("Are you there?")  # not measured: the SDK loads half of itself at its first call,
    await streamed(agent)  # and more of it at its first stream
    alone = await measure("three calls, one by one", agent, one_by_one(agent), None)
    one_call = alone.wall / alone.calls
    many = f"{calls} calls, {min(calls, concurrency)} at a time"
    return [
        alone,
        await measure("three calls with gather", agent, with_gather(agent), one_call),
        await measure("a TaskGroup of tools", agent, with_tools(agent), one_call),
        await measure(many, agent, many_at_once(agent, calls, concurrency), one_call),
        await measure("one streamed call", agent, streamed(agent), None),
    ]


async def report(base_url: str | None, model: str, calls: int, concurrency: int) -> dict[str, Any]:
    """Runs the program and gives its figures together with what they were measured on."""
    # The stub takes any key, and when it fails we want to see that instead of a second try.
    client = AsyncAnthropic(base_url=base_url, api_key="any", max_retries=0) if base_url else AsyncAnthropic()
    async with client:
        figures = await measure_all(Agent(client, model), calls, concurrency)
    loop = type(asyncio.get_running_loop())
    return {
        "loop_class": f"{loop.__module__}.{loop.__qualname__}",
        "python": platform.python_version(),
        "sdk": anthropic.__version__,
        "parts": [asdict(each) for each in figures],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program from the command line."""
    parser = argparse.ArgumentParser(prog="python -m ferraio.demo.agent", description="The demo's agent program.")
    parser.add_argument("--loop", choices=("ferraio", "asyncio"), default="ferraio")
    parser.add_argument("--base-url", help="address of a model server; without it, the real service")
    parser.add_argument("--model", default="ferraio-stub-small")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=50)
    options = parser.parse_args(argv)

    program = report(options.base_url, options.model, options.calls, options.concurrency)
    try:
        if options.loop == "ferraio":
            import ferraio

            measured = ferraio.run(program)
        else:
            measured = asyncio.run(program)
    except anthropic.APIError as problem:
        print(f"the model service did not answer: {problem}", file=sys.stderr)
        return 1
    json.dump({"loop": options.loop, **measured}, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
