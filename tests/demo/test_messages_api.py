"""The stub speaks the Anthropic Messages API: the real SDK understands it, on each loop."""

import json

import pytest
from anthropic import AsyncAnthropic, AuthenticationError, BadRequestError, NotFoundError, Omit
from demo_http import http_request, question

WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer"},
        },
    },
}
CLOCK = {
    "name": "clock",
    "input_schema": {
        "type": "object",
        "properties": {"zones": {"type": "array", "items": {"type": "string"}}},
    },
}


@pytest.fixture
def ask(run, server):
    """Runs a coroutine function with a client of the stub."""

    def ask(main):
        async def with_client():
            async with AsyncAnthropic(base_url=server, api_key="any", max_retries=0) as client:
                return await main(client)

        return run(with_client)

    return ask


def user(content):
    return {"role": "user", "content": content}


def test_a_question_gets_an_answer(ask):
    async def main(client):
        return await client.messages.create(model="a-model", max_tokens=100, messages=[user("Why is the sky blue?")])

    message = ask(main)
    assert (message.type, message.role, message.model) == ("message", "assistant", "a-model")
    assert message.content[0].text.startswith("You asked: Why is the sky blue?\n")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens == len(message.content[0].text.split())


def test_max_tokens_cuts_the_answer(ask):
    async def main(client):
        return await client.messages.create(model="m", max_tokens=3, messages=[user("short")])

    message = ask(main)
    assert message.content[0].text == "You asked: short"
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 3)


def test_unusual_text_comes_back_unharmed(ask):
    text = 'quotes " and \\ and\nlines and héllo 世界 🎈 <|end|> \x00'

    async def main(client):
        blocks = [{"type": "text", "text": text}]
        return await client.messages.create(model="m", max_tokens=100, messages=[user(blocks)])

    assert ask(main).content[0].text.startswith(f"You asked: {text}")


def test_half_a_surrogate_pair_is_answered_too(connect):
    client = connect()
    client.send(http_request(json.dumps(question("half \ud83d")).encode()))
    assert "half \ud83d" in client.read_reply()[2]["content"][0]["text"]


def test_a_stream_tells_the_same_as_a_whole_answer(ask):
    async def main(client):
        whole = await client.messages.create(model="m", max_tokens=100, messages=[user("Tell me.")])
        async with client.messages.stream(model="m", max_tokens=100, messages=[user("Tell me.")]) as stream:
            pieces = [piece async for piece in stream.text_stream]
            final = await stream.get_final_message()
        return whole, pieces, final

    whole, pieces, final = ask(main)
    assert len(pieces) > 10
    assert "".join(pieces) == final.content[0].text == whole.content[0].text
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", whole.usage.output_tokens)


def events_of(data):
    """Reads server-sent events: pairs of the event's name and its data."""
    events = []
    for block in data.decode().removesuffix("\n\n").split("\n\n"):
        name, body = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(body.removeprefix("data: "))))
    return events


def streamed(connect, order):
    client = connect()
    client.send(http_request(order).replace(b"HTTP/1.1", b"HTTP/1.0"))
    client.read_head()
    return events_of(client.read_to_end())


def test_the_events_of_a_stream_come_in_the_order_of_the_service(connect):
    events = streamed(connect, question("order", stream=True))
    names = [name for name, _ in events]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * (len(names) - 6),
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(name == data["type"] for name, data in events)
    begun = events[0][1]["message"]
    assert (begun["content"], begun["stop_reason"], begun["usage"]["output_tokens"]) == ([], None, 1)


def test_each_tool_is_a_block_of_its_own_in_the_stream(connect):
    events = streamed(connect, question("Rome", stream=True, tools=[WEATHER, CLOCK]))
    starts = [data for name, data in events if name == "content_block_start"]
    assert [(data["index"], data["content_block"]["name"]) for data in starts] == [
        (0, "weather"),
        (1, "clock"),
    ]
    assert all(data["content_block"]["input"] == {} for data in starts)
    written = ["", ""]
    for name, data in events:
        if name == "content_block_delta":
            written[data["index"]] += data["delta"]["partial_json"]
    assert [json.loads(text) for text in written] == [
        {"city": "Rome", "unit": "celsius", "days": 1},
        {"zones": ["Rome"]},
    ]
    assert events[-2][1]["delta"]["stop_reason"] == "tool_use"


def test_the_model_asks_for_all_tools_and_answers_when_it_has_their_results(ask):
    async def main(client):
        messages = [user("Rome")]
        options = {"model": "m", "max_tokens": 100, "tools": [WEATHER, CLOCK]}
        first = await client.messages.create(messages=messages, **options)
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": f"{block.name} is fine"}
            for block in first.content
        ]
        messages += [{"role": "assistant", "content": first.content}, user(results)]
        return first, await client.messages.create(messages=messages, **options)

    first, second = ask(main)
    assert first.stop_reason == "tool_use"
    assert [(block.type, block.name) for block in first.content] == [
        ("tool_use", "weather"),
        ("tool_use", "clock"),
    ]
    assert first.content[0].input == {"city": "Rome", "unit": "celsius", "days": 1}
    assert first.content[0].id != first.content[1].id
    assert second.stop_reason == "end_turn"
    assert second.content[0].text.startswith("The tools say: weather is fine; clock is fine\n")


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ({"type": "any"}, ["weather", "clock"]),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["weather"]),
        ({"type": "tool", "name": "clock"}, ["clock"]),
        ({"type": "none"}, []),
    ],
)
def test_the_choice_of_tools_is_obeyed(connect, choice, asked):
    client = connect()
    client.send(http_request(question("Rome", tools=[WEATHER, CLOCK], tool_choice=choice)))
    content = client.read_reply()[2]["content"]
    assert [block["name"] for block in content if block["type"] == "tool_use"] == asked


TOOL_USE = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}],
}


def without(name):
    order = question("x")
    del order[name]
    return order


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (b"{not json", "The request body is not valid JSON: "),
        (b"[" * 100_000, "The request body is not valid JSON: "),
        (b"\xff\xfe\xfd", "The request body is not valid JSON: "),
        ([1], "Input should be an object"),
        (without("model"), "model: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (question("x", model=""), "model: String should have at least 1 character"),
        (question("x", model=5), "model: Input should be a valid string"),
        (question("x", max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (question("x", max_tokens="9"), "max_tokens: Input should be a valid integer"),
        (question("x", max_tokens=True), "max_tokens: Input should be a valid integer"),
        (question("x", stream="yes"), "stream: Input should be a valid boolean"),
        (question("x", messages=[]), "messages: at least one message is required"),
        (question("x", messages="x"), "messages: Input should be a valid list"),
        (question("x", messages=["x"]), "messages.0: Input should be an object"),
        (question("x", messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (
            question("x", messages=[{"role": "x", "content": ""}]),
            "messages.0.role: Input should be 'user' or",
        ),
        (question(5), "messages.0.content: Input should be a valid list"),
        (question([5]), "messages.0.content.0: Input should be an object"),
        (question([{}]), "messages.0.content.0.type: Field required"),
        (question([{"type": "text"}]), "messages.0.content.0.text.text: Input should be a valid string"),
        (question("x", tools={}), "tools: Input should be a valid list"),
        (question("x", tools=[{"name": "t"}]), "tools.0.custom.input_schema: Field required"),
        (question("x", tools=[{**CLOCK, "name": "a b"}]), "tools.0.custom.name: String should match pattern"),
        (question("x", tools=[CLOCK, CLOCK]), "tools: Tool names must be unique."),
        (question("x", tool_choice="any"), "tool_choice: Input should be an object"),
        (question("x", tool_choice={"type": "tool", "name": "no"}), "Tool 'no' not found in provided tools"),
        (question("x", messages=[user("x"), TOOL_USE]), "messages.1: `tool_use` ids were found without"),
        (
            question("x", messages=[user("x"), TOOL_USE, user("y")]),
            "messages.1: `tool_use` ids were found without",
        ),
        (
            question([{"type": "tool_result", "tool_use_id": "toolu_9"}]),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9.",
        ),
    ],
)
def test_a_bad_order_is_refused_in_the_words_of_the_service(connect, order, message):
    client = connect()
    client.send(http_request(order))
    status, headers, body = client.read_reply()
    assert (status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error")
    assert body["error"]["message"].startswith(message)
    assert body["request_id"] == headers["request-id"]


@pytest.mark.parametrize("line", [b"x-api-key: k\r\n", b"anthropic-version: 2023-06-01\r\n"])
def test_the_key_and_the_version_are_needed(connect, line):
    client = connect()
    client.send(http_request(question("x")).replace(line, b""))
    status, _, body = client.read_reply()
    name = line.partition(b":")[0].decode()
    assert status == (401 if name == "x-api-key" else 400)
    assert name in body["error"]["message"]


def test_the_sdk_raises_its_own_exceptions(run, server):
    async def main():
        async with AsyncAnthropic(base_url=server, auth_token="any", max_retries=0) as client:
            with pytest.raises(BadRequestError, match="at least one message is required") as refused:
                await client.messages.create(model="m", max_tokens=1, messages=[])
            assert refused.value.request_id.startswith("req_")
            with pytest.raises(NotFoundError, match="model: gpt-17"):
                await client.models.retrieve("gpt-17")
            with pytest.raises(AuthenticationError, match="x-api-key"):
                headers = {"Authorization": Omit()}
                await client.messages.create(model="m", max_tokens=1, messages=[user("x")], extra_headers=headers)

    run(main)


def test_models_are_listed_and_described(ask):
    async def main(client):
        names = [model.id async for model in client.models.list()]
        return names, [await client.models.retrieve(name) for name in names]

    names, models = ask(main)
    assert names == [model.id for model in models] != []
    assert models[0].created_at.year == 2026
