"""The agent program: each part does what it shows, on each loop."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from anthropic import AsyncAnthropic, BadRequestError
from ferraio.demo import agent as program

FEW_CALLS = ("--calls", "2", "--concurrency", "1")


class WatchedAgent(program.Agent):
    """Remembers how many calls were on their way at once, and holds the first ones until enough are there."""

    def __init__(self, client, *, together=1):
        super().__init__(client, "m")
        self.on_their_way = 0
        self.most = 0
        self.together = together
        self.all_there = asyncio.Event()
        self.orders = []

    async def create(self, messages, **options):
        self.orders.append((list(messages), options))
        self.on_their_way += 1
        self.most = max(self.most, self.on_their_way)
        if self.on_their_way >= self.together:
            self.all_there.set()
        await self.all_there.wait()
        try:
            return await super().create(messages, **options)
        finally:
            self.on_their_way -= 1


@pytest.fixture
def agent_for(server):
    """Gives an agent inside a running loop."""

    @asynccontextmanager
    async def agent_for(**options):
        async with AsyncAnthropic(base_url=server, api_key="any", max_retries=0) as client:
            yield WatchedAgent(client, **options)

    return agent_for


def questions_in(answers):
    return [answer.partition("\n")[0].removeprefix("You asked: ") for answer in answers]


def test_one_by_one_never_has_two_calls_on_their_way(run, agent_for):
    async def main():
        async with agent_for() as agent:
            answers = await program.one_by_one(agent)
        assert questions_in(answers) == program.QUESTIONS
        assert (agent.calls, agent.most) == (3, 1)

    run(main)


def test_gather_has_all_on_their_way_and_keeps_their_order(run, agent_for):
    async def main():
        async with agent_for(together=3) as agent:
            answers = await program.with_gather(agent)
        assert questions_in(answers) == program.QUESTIONS
        assert (agent.calls, agent.most) == (3, 3)

    run(main)


def test_the_tools_run_at_once_and_the_model_gets_their_results(run, agent_for):
    async def main():
        async with agent_for() as agent:
            answer = await program.with_tools(agent)
        assert answer.startswith("The tools say: You asked: In ten words: weather of Rome?")
        returned = [result["content"] for result in agent.orders[-1][0][-1]["content"]]
        names = [tool["name"] for tool in program.TOOLS]
        assert questions_in(returned) == [f"In ten words: {name} of Rome?" for name in names]
        assert agent.calls == 2 + len(program.TOOLS)
        assert agent.most == len(program.TOOLS)

    run(main)


def test_a_failing_tool_ends_the_part(run, agent_for):
    async def main():
        async with agent_for() as agent:

            async def fail(name, arguments):
                raise LookupError(name)

            agent.run_tool = fail
            with pytest.raises(ExceptionGroup) as failures:
                await program.with_tools(agent)
        assert failures.group_contains(LookupError, match="weather")

    run(main)


def test_many_at_once_keeps_to_its_bound_and_to_the_order(run, agent_for):
    async def main():
        async with agent_for(together=4) as agent:
            answers = await program.many_at_once(agent, calls=30, concurrency=4)
        asked = questions_in(answers)
        assert asked == [f"What is {number} plus {number}? Only the number." for number in range(30)]
        assert (agent.calls, agent.most) == (30, 4)

    run(main)


def test_a_streamed_answer_is_put_together(run, agent_for):
    async def main():
        async with agent_for() as agent:
            answer = await program.streamed(agent)
        assert questions_in([answer]) == ["Write one sentence about the sea."]
        assert agent.calls == 1

    run(main)


def test_every_part_is_measured_and_its_calls_are_counted(run, agent_for):
    async def main():
        async with agent_for() as agent:
            figures = await program.measure_all(agent, calls=7, concurrency=100)
        assert [(each.part, each.calls) for each in figures] == [
            ("three calls, one by one", 3),
            ("three calls with gather", 3),
            ("a TaskGroup of tools", 5),
            ("7 calls, 7 at a time", 7),
            ("one streamed call", 1),
        ]
        assert all(each.wall > 0 and each.cpu > 0 for each in figures)
        one_call = figures[0].wall / 3
        assert [each.one_after_another for each in figures] == [
            pytest.approx(figures[0].wall),
            pytest.approx(3 * one_call),
            pytest.approx(5 * one_call),
            pytest.approx(7 * one_call),
            figures[4].wall,
        ]

    run(main)


def test_the_stub_notices_a_lost_tool_result(run, agent_for):
    async def main():
        async with agent_for() as agent:
            messages = [{"role": "user", "content": "Rome"}]
            reply = await agent.create(messages, tools=program.TOOLS)
            result = {"type": "tool_result", "tool_use_id": reply.content[0].id, "content": "fine"}
            messages += [
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": [result]},
            ]
            with pytest.raises(BadRequestError, match=reply.content[1].id):
                await agent.create(messages, tools=program.TOOLS)

    run(main)


def test_the_program_prints_its_figures_as_json(server, capsys):
    assert program.main(["--loop", "asyncio", "--base-url", server, *FEW_CALLS]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["loop"] == "asyncio"
    assert measured["loop_class"].startswith("asyncio.")
    assert [part["calls"] for part in measured["parts"]] == [3, 3, 5, 2, 1]


def test_the_program_runs_whole_on_ferraio(server, capsys):
    assert program.main(["--loop", "ferraio", "--base-url", server, *FEW_CALLS]) == 0
    assert json.loads(capsys.readouterr().out)["loop_class"].startswith("ferraio.")


def test_a_service_that_refuses_is_told_in_one_line(capsys, server):
    assert program.main(["--loop", "asyncio", "--base-url", f"{server}/nowhere"]) == 1
    assert capsys.readouterr().err.startswith("the model service did not answer: Error code: 404")
