"""The Anthropic Messages API: requests checked, answers and errors put as the service puts them.

A reply has the real shape down to the order of its server-sent events. Checked are the key, the version
header, the fields every request needs, and that each tool call of the conversation has got its result, with
the service's own messages: an agent that loses a result finds out here.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
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

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    500: "api_error",
}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_numbers = itertools.count(1)
_json = json.JSONEncoder(separators=(",", ":")).encode


class MessagesApi:
    """Answers requests to `/v1/messages` and to `/v1/models`."""

    def __init__(self, delay: float, pause: float) -> None:
        self._delay = delay
        self._pause = pause

    def create(self, request: Request) -> Reply | EventStream:
        """Answers `POST /v1/messages`."""
        _check_headers(request)
        order = _read_order(request.body)
        answer = _answer(order)
        message = _message(order, answer)
        if order.get("stream"):
            events = tuple(_events(message, answer))
            return EventStream(events, _request_id_header(), self._delay, self._pause)
        return Reply(_json(message).encode(), headers=_request_id_header(), delay=self._delay)

    def list_models(self, request: Request) -> Reply:
        """Answers `GET /v1/models`."""
        _check_headers(request)
        models = [_model(name) for name in MODELS]
        listing = {"data": models, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
        return Reply(_json(listing).encode(), headers=_request_id_header())

    def retrieve_model(self, request: Request, name: str) -> Reply:
        """Answers `GET /v1/models/{name}`."""
        _check_headers(request)
        if name not in MODELS:
            raise BadRequest(404, f"model: {name}")
        return Reply(_json(_model(name)).encode(), headers=_request_id_header())

    def refuse(self, problem: BadRequest) -> Reply:
        """Puts a problem into the service's words."""
        kind = _ERROR_TYPES.get(problem.status, "invalid_request_error")
        headers = _request_id_header()
        error = {"type": kind, "message": problem.message}
        body = {"type": "error", "error": error, "request_id": headers[0][1]}
        return Reply(_json(body).encode(), problem.status, headers)


def _request_id_header() -> list[tuple[str, str]]:
    return [("request-id", f"req_{next(_numbers):024d}")]


def _model(name: str) -> dict[str, Any]:
    released = datetime.fromtimestamp(RELEASED_AT, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": name, "created_at": released, "lifecycle": "active"}


# Checking what was asked.


def _check_headers(request: Request) -> None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer").strip()
    if not (request.headers.get("x-api-key") or bearer):
        raise BadRequest(401, "x-api-key header is required")
    if not request.headers.get("anthropic-version"):
        raise BadRequest(400, "anthropic-version: header is required")


def _read_order(body: bytes) -> dict[str, Any]:
    try:
        order = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(400, f"The request body is not valid JSON: {problem}") from None
    if not isinstance(order, dict):
        raise BadRequest(400, "Input should be an object")
    for name in ("model", "max_tokens", "messages"):
        _require(name in order, f"{name}: Field required")
    _require(isinstance(order["model"], str), "model: Input should be a valid string")
    _require(order["model"], "model: String should have at least 1 character")
    _require(type(order["max_tokens"]) is int, "max_tokens: Input should be a valid integer")
    _require(order["max_tokens"] >= 1, "max_tokens: Input should be greater than or equal to 1")
    _require(isinstance(order.get("stream", False), bool), "stream: Input should be a valid boolean")
    _check_tools(order.get("tools", []), order.get("tool_choice", {}))
    _check_messages(order["messages"])
    return order


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise BadRequest(400, otherwise)


def _check_tools(tools: object, choice: object) -> None:
    if not isinstance(tools, list):
        raise BadRequest(400, "tools: Input should be a valid list")
    names = set()
    for index, tool in enumerate(tools):
        place = f"tools.{index}"
        if not isinstance(tool, dict):
            raise BadRequest(400, f"{place}: Input should be an object")
        if not _is_custom(tool):
            continue
        _require("name" in tool, f"{place}.custom.name: Field required")
        valid = isinstance(tool["name"], str) and _TOOL_NAME.fullmatch(tool["name"])
        _require(valid, f"{place}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        _require("input_schema" in tool, f"{place}.custom.input_schema: Field required")
        schema = tool["input_schema"]
        _require(isinstance(schema, dict), f"{place}.custom.input_schema: Input should be an object")
        _require("type" in schema, f"{place}.custom.input_schema.type: Field required")
        _require(schema["type"] == "object", f"{place}.custom.input_schema.type: Input should be 'object'")
        _require(tool["name"] not in names, "tools: Tool names must be unique.")
        names.add(tool["name"])
    if not isinstance(choice, dict):
        raise BadRequest(400, "tool_choice: Input should be an object")
    if choice.get("type") == "tool":
        _require(choice.get("name") in names, f"Tool '{choice.get('name')}' not found in provided tools")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list):
        raise BadRequest(400, "messages: Input should be a valid list")
    _require(messages, "messages: at least one message is required")
    asked: list[str] = []
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        if not isinstance(message, dict):
            raise BadRequest(400, f"{place}: Input should be an object")
        for name in ("role", "content"):
            _require(name in message, f"{place}.{name}: Field required")
        _require(message["role"] in ("user", "assistant"), f"{place}.role: Input should be 'user' or 'assistant'")
        _check_content(message["content"], f"{place}.content")
        _check_results(asked, message, index)
        asked = [block["id"] for block in _blocks(message, "tool_use")] if message["role"] == "assistant" else []
    _require(not asked, _unanswered(len(messages) - 1, asked))


def _check_content(content: object, place: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise BadRequest(400, f"{place}: Input should be a valid list")
    needed = {"text": "text", "tool_use": "id", "tool_result": "tool_use_id"}
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            raise BadRequest(400, f"{place}.{index}: Input should be an object")
        kind = block.get("type")
        _require(isinstance(kind, str), f"{place}.{index}.type: Field required")
        field = needed.get(str(kind))
        if field is not None:
            value = block.get(field)
            _require(isinstance(value, str), f"{place}.{index}.{kind}.{field}: Input should be a valid string")


def _check_results(asked: Sequence[str], message: Mapping[str, Any], index: int) -> None:
    """Checks that a message has a result for each tool call of the one before, and for nothing else."""
    results = [block["tool_use_id"] for block in _blocks(message, "tool_result")]
    missing = [name for name in asked if name not in results]
    _require(not missing, _unanswered(index - 1, missing))
    for position, name in enumerate(results):
        _require(
            name in asked,
            f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks:"
            f" {name}."
            " Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
        )


def _unanswered(index: int, missing: Sequence[str]) -> str:
    return (
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after:"
        f" {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block"
        " in the next message."
    )


# What the model says to it.


def _answer(order: Mapping[str, Any]) -> Answer:
    last = order["messages"][-1]
    results = [_text(block.get("content", "")) for block in _blocks(last, "tool_result")]
    if results:
        return answer_with_results(results, order["max_tokens"])
    question = _text(last["content"])
    schemas = _offered_schemas(order) if last["role"] == "user" else {}
    return ask_for_tools(schemas, question) if schemas else answer_question(question, order["max_tokens"])


def _offered_schemas(order: Mapping[str, Any]) -> dict[str, Any]:
    schemas = {tool["name"]: tool["input_schema"] for tool in order.get("tools", ()) if _is_custom(tool)}
    choice = order.get("tool_choice", {})
    if choice.get("type") == "none":
        return {}
    if choice.get("type") == "tool":
        return {choice["name"]: schemas[choice["name"]]}
    if choice.get("disable_parallel_tool_use"):
        return dict(itertools.islice(schemas.items(), 1))
    return schemas


def _is_custom(tool: Mapping[str, Any]) -> bool:
    """Tells the user's tools from those the service runs itself, which the stub model never asks for."""
    return tool.get("type") in (None, "custom")


def _blocks(message: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    content = message["content"]
    return [] if isinstance(content, str) else [block for block in content if block["type"] == kind]


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else ()
    texts = [block.get("text") for block in blocks if isinstance(block, dict)]
    return " ".join([text for text in texts if isinstance(text, str)])


# Saying it.


def _message(order: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    number = next(_numbers)
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.words else []
    for index, call in enumerate(answer.tool_calls):
        name = f"toolu_{number:022d}{index:02d}"
        content.append({"type": "tool_use", "id": name, "name": call.name, "input": call.arguments})
    return {
        "id": f"msg_{number:024d}",
        "type": "message",
        "role": "assistant",
        "model": order["model"],
        "content": content,
        "stop_reason": _stop_reason(answer),
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens_of_prompt([_text(message["content"]) for message in order["messages"]]),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": answer.tokens,
            "service_tier": "standard",
        },
    }


def _stop_reason(answer: Answer) -> str:
    if answer.tool_calls:
        return "tool_use"
    return "max_tokens" if answer.cut_short else "end_turn"


def _events(message: dict[str, Any], answer: Answer) -> Iterator[bytes]:
    """Gives the server-sent events that tell the message piece by piece."""
    usage = {**message["usage"], "output_tokens": 1}
    begun = {**message, "content": [], "stop_reason": None, "usage": usage}
    yield _event({"type": "message_start", "message": begun})
    for index, block in enumerate(message["content"]):
        start: dict[str, Any]
        if block["type"] == "text":
            start, deltas = {"type": "text", "text": ""}, _text_deltas(answer.words)
        else:
            start, deltas = {**block, "input": {}}, _input_deltas(block["input"])
        yield _event({"type": "content_block_start", "index": index, "content_block": start})
        if index == 0:
            yield _PING
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": {"output_tokens": answer.tokens}})
    yield _MESSAGE_STOP


def _text_deltas(words: Sequence[str]) -> Iterator[dict[str, str]]:
    for word in words:
        yield {"type": "text_delta", "text": word}


def _input_deltas(arguments: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Gives a tool's arguments as the service does: pieces of JSON, cut anywhere, the first one empty."""
    written = json.dumps(arguments)
    for piece in ("", *[written[start : start + 12] for start in range(0, len(written), 12)]):
        yield {"type": "input_json_delta", "partial_json": piece}


def _event(data: Mapping[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {_json(data)}\n\n".encode()


_PING = _event({"type": "ping"})
_MESSAGE_STOP = _event({"type": "message_stop"})
