"""What the stub model says, the same for both services.

It repeats the question and adds a sentence, so that a test can tell whose answer it got. Given tools, it asks
for all of them at once, with arguments that fit their schemas; given their results, it repeats those. A token
is a word here, and `max_tokens` cuts the answer as it would a real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Names the API lists; any other name is answered as well.
MODELS = ("ferraio-stub-large", "ferraio-stub-small")
#: 1 January 2026: when the stub models were "released".
RELEASED_AT = 1767225600

_LONGEST_REPETITION = 400
_WORD = re.compile(r"\s*\S+")
_SENTENCE = tuple(
    _WORD.findall(
        "\nWhile one answer is on its way, the loop gives its time to every other task;"
        " that is why two hundred calls take little longer than one."
    )
)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model asks for."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says: words, perhaps cut short, or the tools it asks for."""

    words: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    cut_short: bool = False

    @property
    def text(self) -> str:
        """Gives all words as one text."""
        return "".join(self.words)

    @property
    def tokens(self) -> int:
        """Counts what the answer would be billed for."""
        called = sum(8 + len(str(call.arguments)) // 4 for call in self.tool_calls)
        return max(1, len(self.words) + called)


def answer_question(question: str, max_tokens: int | None) -> Answer:
    """Answers what a user asked."""
    return _in_words(f"You asked: {question[:_LONGEST_REPETITION]}", max_tokens)


def answer_with_results(results: Sequence[str], max_tokens: int | None) -> Answer:
    """Answers after the tools have run."""
    return _in_words(f"The tools say: {'; '.join(results)[:_LONGEST_REPETITION]}", max_tokens)


def ask_for_tools(schemas: Mapping[str, Any], question: str) -> Answer:
    """Asks for every tool at once; `schemas` has the JSON schema of each tool's arguments by its name."""
    calls = []
    for name, schema in schemas.items():
        arguments = example_of(schema, question)
        calls.append(ToolCall(name, arguments if isinstance(arguments, dict) else {}))
    return Answer((), tuple(calls))


def tokens_of_prompt(texts: Iterable[str]) -> int:
    """Guesses what the texts of a request would be billed for: a token for four letters, some for each."""
    return sum([4 + len(text) // 4 for text in texts])


def example_of(schema: Any, text: str, depth: int = 0) -> Any:
    """Makes a value that fits a JSON schema; where any text fits, `text` is it."""
    if not isinstance(schema, dict) or depth > 16:
        return None
    if "const" in schema:
        return schema["const"]
    for offered in ("enum", "examples"):
        if isinstance(schema.get(offered), list) and schema[offered]:
            return schema[offered][0]
    if "default" in schema:
        return schema["default"]
    for alternatives in ("anyOf", "oneOf"):
        if isinstance(schema.get(alternatives), list) and schema[alternatives]:
            return example_of(schema[alternatives][0], text, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list) and kind:
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties")
        fields = properties.items() if isinstance(properties, dict) else ()
        return {name: example_of(inner, text, depth + 1) for name, inner in fields}
    if kind == "array":
        return [example_of(schema["items"], text, depth + 1)] if "items" in schema else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return {"string": text, "boolean": True}.get(kind) if isinstance(kind, str) else None


def _in_words(beginning: str, max_tokens: int | None) -> Answer:
    words = (*_WORD.findall(beginning), *_SENTENCE)
    if max_tokens is None or max_tokens >= len(words):
        return Answer(words)
    return Answer(words[:max_tokens], cut_short=True)
