"""The stub speaks the OpenAI Chat Completions API: the real SDK understands it, on each loop."""

import json

import pytest
from demo_http import http_request
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


@pytest.fixture
def ask(run, server):
    """Runs a coroutine function with a client of the stub."""

    def ask(main):
        async def with_client():
            async with AsyncOpenAI(base_url=f"{server}/v1", api_key="any", max_retries=0) as client:
                return await main(client)

        return run(with_client)

    return ask


def user(content):
    return {"role": "user", "content": content}


def test_a_question_gets_an_answer(ask):
    async def main(client):
        return await client.chat.completions.create(model="a-model", messages=[user("Why?")])

    completion = ask(main)
    choice = completion.choices[0]
    assert (completion.object, completion.model, len(completion.choices)) == ("chat.completion", "a-model", 1)
    assert choice.message.role == "assistant"
    assert choice.message.content.startswith("You asked: Why?\n")
    assert choice.finish_reason == "stop"
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens == len(choice.message.content.split())


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_of_tokens_cuts_the_answer(ask, limit):
    async def main(client):
        parts = [{"type": "text", "text": "short"}]
        return await client.chat.completions.create(model="m", messages=[user(parts)], **{limit: 3})

    choice = ask(main).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("You asked: short", "length")


def test_a_stream_tells_the_same_as_a_whole_answer(ask):
    async def main(client):
        whole = await client.chat.completions.create(model="m", messages=[user("Tell me.")])
        stream = await client.chat.completions.create(
            model="m", messages=[user("Tell me.")], stream=True, stream_options={"include_usage": True}
        )
        return whole, [chunk async for chunk in stream]

    whole, chunks = ask(main)
    *told, usage = chunks
    assert len(told) > 10
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert told[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in told)
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in told] == [None] * (len(told) - 1) + ["stop"]
    assert (usage.choices, usage.usage) == ([], whole.usage)


def order(**more):
    return {"model": "m", "messages": [user("x")], **more}


def post(connect, body, key="k"):
    """Sends an order to the API by hand."""
    client = connect()
    head_lines = [f"Authorization: Bearer {key}"] if key is not None else []
    request = http_request(body, path="/v1/chat/completions", headers=head_lines)
    client.send(request.replace(b"x-api-key: k\r\n", b""))
    return client


def test_a_stream_ends_with_done(connect):
    client = connect()
    request = http_request(order(stream=True), path="/v1/chat/completions", headers=["Authorization: Bearer k"])
    client.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
    client.read_head()
    events = client.read_to_end().split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    assert all("usage" not in chunk for chunk in chunks)


def test_the_model_asks_for_all_tools_and_answers_when_it_has_their_results(ask):
    async def main(client):
        messages = [user("Rome")]
        options = {"model": "m", "tools": [WEATHER, CLOCK]}
        first = (await client.chat.completions.create(messages=messages, **options)).choices[0]
        messages.append(first.message)
        for call in first.message.tool_calls:
            result = f"{call.function.name} is fine"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return first, (await client.chat.completions.create(messages=messages, **options)).choices[0]

    first, second = ask(main)
    assert (first.finish_reason, first.message.content) == ("tool_calls", None)
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in first.message.tool_calls]
    assert calls == [("weather", {"city": "Rome", "days": 1}), ("clock", {})]
    assert second.finish_reason == "stop"
    assert second.message.content.startswith("The tools say: weather is fine; clock is fine\n")


def test_tool_calls_are_streamed_in_pieces(ask):
    async def main(client):
        stream = await client.chat.completions.create(
            model="m", messages=[user("Rome")], tools=[WEATHER, CLOCK], stream=True
        )
        return [chunk.choices[0] async for chunk in stream]

    choices = ask(main)
    names, arguments = {}, {}
    for choice in choices:
        for call in choice.delta.tool_calls or ():
            names.setdefault(call.index, call.function.name)
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert names == {0: "weather", 1: "clock"}
    assert {index: json.loads(text) for index, text in arguments.items()} == {
        0: {"city": "Rome", "days": 1},
        1: {},
    }
    assert choices[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"tool_choice": "required"}, ["weather", "clock"]),
        ({"tool_choice": "none"}, []),
        ({"tool_choice": {"type": "function", "function": {"name": "clock"}}}, ["clock"]),
        ({"parallel_tool_calls": False}, ["weather"]),
    ],
)
def test_the_choice_of_tools_is_obeyed(connect, more, asked):
    message = post(connect, order(tools=[WEATHER, CLOCK], **more)).read_reply()[2]["choices"][0]["message"]
    assert [call["function"]["name"] for call in message.get("tool_calls", ())] == asked


CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"{not json", None, None),
        ([], None, None),
        ({"messages": [user("x")]}, None, None),
        (order(model=5), "model", "invalid_type"),
        ({"model": "m"}, "messages", "missing_required_parameter"),
        (order(messages=[]), "messages", "empty_array"),
        (order(messages={}), "messages", "invalid_type"),
        (order(messages=["x"]), "messages[0]", "invalid_type"),
        (order(messages=[{"role": "king", "content": "x"}]), "messages[0].role", "invalid_value"),
        (order(messages=[{"role": "user"}]), "messages[0].content", "missing_required_parameter"),
        (order(messages=[RESULT]), "messages[0].role", None),
        (order(messages=[user("x"), CALLING]), "messages.[2].role", None),
        (order(messages=[user("x"), CALLING, user("y")]), "messages.[2].role", None),
        (order(messages=[{**CALLING, "tool_calls": [5]}]), "messages[0].tool_calls[0]", "invalid_type"),
        (order(max_tokens=0), "max_tokens", "integer_below_min_value"),
        (order(max_completion_tokens="5"), "max_completion_tokens", "invalid_type"),
        (order(n=2), "n", "unsupported_value"),
        (order(stream=1), "stream", "invalid_type"),
        (order(stream_options=[1]), "stream_options", "invalid_type"),
        (order(tools=[{}]), "tools[0].type", "invalid_value"),
        (order(tools=[{"type": "function"}]), "tools[0].function", "invalid_type"),
        (order(tool_choice={"function": {"name": "no"}}), "tool_choice", "invalid_value"),
    ],
)
def test_a_bad_order_is_refused_in_the_shape_of_the_service(connect, body, param, code):
    status, _, reply = post(connect, body).read_reply()
    error = reply["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)
    assert error["message"]


def test_the_key_is_needed(connect):
    status, _, reply = post(connect, order(), key=None).read_reply()
    assert (status, reply["error"]["code"]) == (401, None)
    assert "API key" in reply["error"]["message"]


def test_the_sdk_raises_its_own_exceptions(run, server):
    async def main():
        async with AsyncOpenAI(base_url=f"{server}/v1", api_key="any", max_retries=0) as client:
            with pytest.raises(BadRequestError, match="empty array") as refused:
                await client.chat.completions.create(model="m", messages=[])
            assert (refused.value.param, refused.value.code) == ("messages", "empty_array")
            assert refused.value.request_id.startswith("req_")
            with pytest.raises(NotFoundError, match="does not exist"):
                await client.models.retrieve("gpt-17")
        headers = {"Authorization": "Bearer"}
        async with AsyncOpenAI(
            base_url=f"{server}/v1", api_key="any", default_headers=headers, max_retries=0
        ) as client:
            with pytest.raises(AuthenticationError, match="API key"):
                await client.chat.completions.create(model="m", messages=[user("x")])

    run(main)


def test_models_are_listed_and_described(ask):
    async def main(client):
        names = [model.id async for model in client.models.list()]
        return names, [await client.models.retrieve(name) for name in names]

    names, models = ask(main)
    assert names == [model.id for model in models] != []
    assert {model.owned_by for model in models} == {"ferraio"}
