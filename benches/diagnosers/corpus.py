"""The corpus: the programs of `tests/mistakes`, and which mistake of which kind each of them makes, on which lines.

`tests/mistakes/test_mistakes.py` says how a program says so. A *case* here is a program and one kind of mistake in it.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parents[2] / "tests" / "mistakes"

KINDS = {
    "FER001": "a coroutine that is never awaited",
    "FER002": "a blocked loop",
    "FER003": "`await` outside an async function",
    "FER004": "a loop run in a running loop",
    "FER005": "no loop runs, or another one",
    "FER006": "a task that fails or ends unseen",
    "FER007": "a deadlock",
    "FER008": "outcomes that a `gather` loses",
    "FER009": "errors that come from a missing `await`",
    "FER010": "a swallowed cancellation",
    "FER011": "a loop used from another thread",
}


@dataclass(frozen=True)
class Program:
    path: Path
    #: The lines on which a mistake is to be reported, by its code.
    mistakes: dict[str, frozenset[int]]
    #: What FERRAIO is set to, besides the format.
    settings: str
    #: How long a step may take, in seconds, before the loop counts as blocked; None leaves it to the tool.
    slow: float | None

    @property
    def name(self) -> str:
        """Its path as the tools are given it, relative to the corpus."""
        return self.path.relative_to(CORPUS).as_posix()

    @property
    def is_correct(self) -> bool:
        return not self.mistakes


@dataclass(frozen=True)
class Case:
    program: Program
    code: str

    @property
    def lines(self) -> frozenset[int]:
        return self.program.mistakes[self.code]

    def __str__(self) -> str:
        return f"{self.program.name} {self.code}"


def read_corpus(words: list[str]) -> list[Program]:
    """Return the programs for this Python; if there are words, those with one of them in their name."""
    paths = sorted(path for path in CORPUS.rglob("*.py") if path.parent != CORPUS)
    programs = [_read(path) for path in paths]
    return [
        program
        for program in programs
        if program is not None and (not words or any(word in program.name for word in words))
    ]


def cases(programs: list[Program]) -> list[Case]:
    return [Case(program, code) for program in programs for code in sorted(program.mistakes)]


def _read(path: Path) -> Program | None:
    source = path.read_text(encoding="utf-8")
    if sys.version_info < tuple(map(int, _directive(source, "python", "3.11").split("."))):
        return None
    mistakes: dict[str, set[int]] = {}
    for number, line in enumerate(source.splitlines(), 1):
        for code in re.findall(r"# (FER\d{3}): ", line):
            mistakes.setdefault(code, set()).add(number)
    more = _directive(source, "settings", "")
    slow = re.search(r"\bslow=([\d.]+)", more)
    return Program(
        path,
        {code: frozenset(lines) for code, lines in mistakes.items()},
        ",".join(filter(None, [_directive(source, "mode", "hint"), more])),
        float(slow[1]) if slow else None,
    )


def _directive(source: str, name: str, default: str) -> str:
    found = re.search(rf"^# {name}: (.*)$", source, re.MULTILINE)
    return found[1] if found else default
