"""The corpus: small programs with marked mistakes, and with much that only looks like one.

A comment marks its line:

    save()  # mistake: FER001           here the mistake is made, and is to be reported
    for row in rows:  # shows: FER001   here the mistake above shows: who reports it here has found it too

Every other line is right, and a report there is a false positive.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parents[2] / "crates" / "ferraio-check" / "tests" / "corpus"

# Where these programs' modules are looked up: beside the programs, and beside a script that is started by its path.
SEARCH_PATHS = (CORPUS, CORPUS / "homework")

KINDS = {
    "FER001": "a coroutine that is never awaited",
    "FER002": "a blocking call in a coroutine",
    "FER003": "`await` outside an async function",
    "FER004": "`asyncio.run` in a running loop",
    "FER005": "work started where no loop runs",
    "FER006": "a task that nobody keeps",
    "FER008": "errors of a `gather` that nobody sees",
    "FER009": "`gather` of a list",
    "FER010": "a swallowed cancellation",
    "FER101": "a library that runs a loop of its own",
    "FER102": "a lock of threads held across an `await`",
    "FER103": "waiting by asking again and again",
    "FER105": "`get_event_loop` where no loop runs",
    "FER106": "a client for each request",
}


@dataclass(frozen=True)
class Place:
    """A line of the corpus; the path is relative to it."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass
class Mistake:
    code: str
    place: Place
    source: str
    shows_at: list[Place] = field(default_factory=list)

    @property
    def places(self) -> list[Place]:
        return [self.place, *self.shows_at]


def read_corpus() -> list[Mistake]:
    return [
        mistake for path in sorted(CORPUS.rglob("*.py*")) if path.suffix in (".py", ".pyi") for mistake in _read(path)
    ]


def _read(path: Path) -> list[Mistake]:
    mistakes: list[Mistake] = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        place = Place(path.relative_to(CORPUS).as_posix(), number)
        for word, code in re.findall(r"# (mistake|shows): (\S+)", text):
            if word == "mistake":
                mistakes.append(Mistake(code, place, text.partition("#")[0].strip()))
            else:
                next(mistake for mistake in reversed(mistakes) if mistake.code == code).shows_at.append(place)
    return mistakes
