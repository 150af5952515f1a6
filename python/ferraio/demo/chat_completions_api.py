"""The OpenAI Chat Completions API: requests checked, answers and errors put as the service puts them.

A reply has the real shape, streamed or whole. Checked are the key, the fields every request needs, and that
each tool call of the conversation has got its result, with the service's own messages.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .http_server import EventStream, Reply
from .request_parser import BadRequest, Request
from .stub_model import (
    MODELS,
    RELEASED_AT,
    Answer,
    answer_question,
    answer_with_results,
    ask_for_tools,
    tokens_of_prompt,
)

_ROLES = ("developer", "system", "user", "assistant", "tool", "function")
_DONE = b"data: [DONE]\n\n"
_PIECE = 12
_numbers = itertools.count(1)
_json = json.JSONEncoder(separators=(",", ":")).encode


class OpenAIError(BadRequest):
    """A problem with the parameter and the code that this API names besides the message."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(status, message)
        self.param = param
        self.code = code


class ChatCompletionsApi:
    """Answers requests to `/v1/chat/completions` and to `/v1/models`."""

    def __init__(self, delay: float, pause: float) -> None:
        self._delay = delay
        self._pause = pause

    def create(self, request: Request) -> Reply | EventStream:
        """Answers `POST /v1/chat/completions`."""
        _check_key(request)
        order = _read_order(request.body)
        answer = _answer(order)
        completion = _completion(order, answer)
        if order.get("stream"):
            events = tuple(_events(order, completion, answer))
            return EventStream(events, _request_id_header(), self._delay, self._pause)
        return Reply(_json(completion).encode(), headers=_request_id_header(), delay=self._delay)

    def list_models(self, request: Request) -> Reply:
        """Answers `GET /v1/models`."""
        _check_key(request)
        listing = {"object": "list", "data": [_model(name) for name in MODELS]}
        return Reply(_json(listing).encode(), headers=_request_id_header())

    def retrieve_model(self, request: Request, name: str) -> Reply:
        """Answers `GET /v1/models/{name}`."""
        _check_key(request)
        if name not in MODELS:
            raise OpenAIError(404, f"The model '{name}' does not exist", "model", "model_not_found")
        return Reply(_json(_model(name)).encode(), headers=_request_id_header())

    def refuse(self, problem: BadRequest) -> Reply:
        """Puts a problem into the service's words."""
        error = {
            "message": problem.message,
            "type": "server_error" if problem.status >= 500 else "invalid_request_error",
            "param": getattr(problem, "param", None),
            "code": getattr(problem, "code", None),
        }
        return Reply(_json({"error": error}).encode(), problem.status, _request_id_header())


def _request_id_header() -> list[tuple[str, str]]:
    return [("x-request-id", f"req_{next(_numbers):032d}")]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": RELEASED_AT, "owned_by": "ferraio"}


# Checking what was asked.


def _check_key(request: Request) -> None:
    if not request.headers.get("authorization", "").removeprefix("Bearer").strip():
        raise OpenAIError(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using"
            " Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )


def _read_order(body: bytes) -> dict[str, Any]:
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict):
        raise OpenAIError(400, "We could not parse the JSON body of your request. The API expects a JSON object.")
    if not order.get("model"):
        raise OpenAIError(400, "you must provide a model parameter")
    _require_type(order["model"], str, "model", "a string")
    if "messages" not in order:
        message = "Missing required parameter: 'messages'."
        raise OpenAIError(400, message, "messages", "missing_required_parameter")
    _require_type(order["messages"], list, "messages", "an array of objects")
    if not order["messages"]:
        raise OpenAIError(400, "Invalid 'messages': empty array.", "messages", "empty_array")
    for name in ("max_tokens", "max_completion_tokens", "n"):
        _check_count(order.get(name), name)
    if order.get("n") not in (None, 1):
        raise OpenAIError(400, "Unsupported value: 'n' is 1 here.", "n", "unsupported_value")
    if order.get("stream") is not None:
        _require_type(order["stream"], bool, "stream", "a boolean")
    if order.get("stream_options") is not None:
        _require_type(order["stream_options"], dict, "stream_options", "an object")
    _check_tools(order.get("tools") or [], order.get("tool_choice"))
    _check_messages(order["messages"])
    return order


def _require_type(value: object, kind: type, param: str, wanted: str) -> None:
    if not isinstance(value, kind):
        message = f"Invalid type for '{param}': expected {wanted}."
        raise OpenAIError(400, message, param, "invalid_type")


def _check_count(value: object, param: str) -> None:
    if value is None:
        return
    if type(value) is not int:
        raise OpenAIError(400, f"Invalid type for '{param}': expected an integer.", param, "invalid_type")
    if value < 1:
        message = f"Invalid '{param}': integer below minimum value. Expected a value >= 1, but got {value} instead."
        raise OpenAIError(400, message, param, "integer_below_min_value")


def _check_tools(tools: object, choice: object) -> None:
    _require_type(tools, list, "tools", "an array of objects")
    assert isinstance(tools, list)
    names = set()
    for index, tool in enumerate(tools):
        place = f"tools[{index}]"
        _require_type(tool, dict, place, "an object")
        if tool.get("type") != "function":
            raise OpenAIError(400, f"Invalid value for '{place}.type'.", f"{place}.type", "invalid_value")
        _require_type(tool.get("function"), dict, f"{place}.function", "an object")
        _require_type(tool["function"].get("name"), str, f"{place}.function.name", "a string")
        names.add(tool["function"]["name"])
    wanted = _chosen_name(choice)
    if wanted is not None and wanted not in names:
        message = f"Invalid value for 'tool_choice': no function named '{wanted}' was specified in 'tools'."
        raise OpenAIError(400, message, "tool_choice", "invalid_value")


def _check_messages(messages: Sequence[Any]) -> None:
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        _require_type(message, dict, place, "an object")
        role = message.get("role")
        if role not in _ROLES:
            raise OpenAIError(400, f"Invalid value: '{role}'.", f"{place}.role", "invalid_value")
        if role == "tool":
            _take_result(waiting, message, place)
            continue
        _require_results(waiting, index)
        calls = message.get("tool_calls") or []
        _require_type(calls, list, f"{place}.tool_calls", "an array of objects")
        if role == "assistant":
            waiting = {_id_of(call, f"{place}.tool_calls[{position}]") for position, call in enumerate(calls)}
        elif "content" not in message:
            param = f"{place}.content"
            raise OpenAIError(400, f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    _require_results(waiting, len(messages))


def _id_of(call: object, place: str) -> str:
    _require_type(call, dict, place, "an object")
    assert isinstance(call, dict)
    _require_type(call.get("id"), str, f"{place}.id", "a string")
    return str(call["id"])


def _take_result(waiting: set[str], message: Mapping[str, Any], place: str) -> None:
    name = message.get("tool_call_id")
    _require_type(name, str, f"{place}.tool_call_id", "a string")
    if name not in waiting:
        raise OpenAIError(
            400,
            "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
            f"{place}.role",
        )
    waiting.remove(str(name))


def _require_results(waiting: set[str], index: int) -> None:
    if waiting:
        raise OpenAIError(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            " 'tool_call_id'. The following tool_call_ids did not have response messages:"
            f" {', '.join(sorted(waiting))}",
            f"messages.[{index}].role",
        )


# What the model says to it.


def _answer(order: Mapping[str, Any]) -> Answer:
    messages = order["messages"]
    limit = order.get("max_completion_tokens") or order.get("max_tokens")
    if messages[-1]["role"] == "tool":
        results = itertools.takewhile(lambda message: message["role"] == "tool", reversed(messages))
        return answer_with_results([_text(message.get("content")) for message in results][::-1], limit)
    question = _text(messages[-1].get("content"))
    schemas = _offered_schemas(order) if messages[-1]["role"] == "user" else {}
    return ask_for_tools(schemas, question) if schemas else answer_question(question, limit)


def _offered_schemas(order: Mapping[str, Any]) -> dict[str, Any]:
    functions = [tool["function"] for tool in order.get("tools") or ()]
    schemas = {function["name"]: function.get("parameters") for function in functions}
    choice = order.get("tool_choice")
    if choice == "none":
        return {}
    wanted = _chosen_name(choice)
    if wanted is not None:
        return {wanted: schemas[wanted]}
    if order.get("parallel_tool_calls") is False:
        return dict(itertools.islice(schemas.items(), 1))
    return schemas


def _chosen_name(choice: object) -> str | None:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return " ".join([text for text in texts if isinstance(text, str)])


# Saying it.


def _completion(order: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    number = next(_numbers)
    prompt_tokens = tokens_of_prompt([_text(message.get("content")) for message in order["messages"]])
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number:022d}{index:02d}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for index, call in enumerate(answer.tool_calls)
        ]
    return {
        "id": f"chatcmpl-{number:029d}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": order["model"],
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(answer)},
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": answer.tokens,
            "total_tokens": prompt_tokens + answer.tokens,
        },
        "system_fingerprint": None,
    }


def _finish_reason(answer: Answer) -> str:
    if answer.tool_calls:
        return "tool_calls"
    return "length" if answer.cut_short else "stop"


def _events(order: Mapping[str, Any], completion: Mapping[str, Any], answer: Answer) -> Iterator[bytes]:
    """Gives the server-sent events that tell the completion piece by piece."""
    with_usage = (order.get("stream_options") or {}).get("include_usage") is True
    same = {
        "id": completion["id"],
        "object": "chat.completion.chunk",
        "created": completion["created"],
        "model": completion["model"],
        "system_fingerprint": None,
        **({"usage": None} if with_usage else {}),
    }

    def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event({**same, "choices": [choice]})

    calls = completion["choices"][0]["message"].get("tool_calls", ())
    yield chunk({"role": "assistant", "content": None if calls else "", "refusal": None})
    for word in answer.words:
        yield chunk({"content": word})
    for index, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        begun = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield chunk({"tool_calls": [begun]})
        for start in range(0, len(arguments), _PIECE):
            piece = {"arguments": arguments[start : start + _PIECE]}
            yield chunk({"tool_calls": [{"index": index, "function": piece}]})
    yield chunk({}, _finish_reason(answer))
    if with_usage:
        yield _event({**same, "choices": [], "usage": completion["usage"]})
    yield _DONE


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {_json(data)}\n\n".encode()
