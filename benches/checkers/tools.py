"""The checkers: how each is run over the corpus with all it has for async code, and which of its codes means what.

Each is run from the environment of the Python that runs this, in the folder of the corpus. A type checker sees many a
missing `await` as a coroutine where another type is wanted. These codes count where they hit a marked line; elsewhere
they are about types, not about async code, and count for nothing.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benches.checkers.corpus import CORPUS, KINDS, SEARCH_PATHS, Place

PROGRAMS = Path(sys.prefix) / "bin"

# What a coroutine in the place of its result can be taken for.
KINDS_OF_TYPE_ERRORS = {"FER001", "FER008", "FER009"}


@dataclass(frozen=True)
class Finding:
    place: Place
    code: str


@dataclass
class Tool:
    name: str
    # The command, its words separated by spaces.
    command: str
    parse: Callable[[str], Iterable[Finding]]
    # A kind of mistake, and the codes of the tool that mean it, separated by spaces.
    codes: dict[str, str]
    # Codes that say that a type is wrong, separated by spaces.
    type_errors: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return version(self.name)

    def run(self) -> list[Finding]:
        program, *arguments = self.command.split()
        done = subprocess.run(
            [PROGRAMS / program, *arguments],
            cwd=CORPUS,
            env=os.environ | {"VIRTUAL_ENV": sys.prefix, "NO_COLOR": "1"} | self.environment,
            capture_output=True,
            text=True,
        )
        # All of them say 1 when they have found something.
        if done.returncode not in (0, 1):
            sys.exit(f"{self.name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return list(self.parse(done.stdout))

    def kinds(self, finding: Finding) -> set[str]:
        """The kinds of mistakes that the finding says in so many words."""
        return {kind for kind, codes in self.codes.items() if finding.code in codes.split()}

    def possible_kinds(self, finding: Finding) -> set[str]:
        return self.kinds(finding) | (KINDS_OF_TYPE_ERRORS if finding.code in self.type_errors.split() else set())


def _place(path: str, line: int) -> Place:
    return Place((CORPUS / path).resolve().relative_to(CORPUS).as_posix(), line)


def parse_lines(output: str) -> Iterable[Finding]:
    """`path:line:column: CODE message`, where the code may stand in `error[code]`."""
    for path, line, code in re.findall(r"^(.+?):(\d+):\d+: (?:\w+\[)?([\w-]+)", output, re.MULTILINE):
        yield Finding(_place(path, int(line)), code)


def parse_ruff(output: str) -> Iterable[Finding]:
    for found in json.loads(output):
        yield Finding(_place(found["filename"], found["location"]["row"]), found["code"])


def parse_mypy(output: str) -> Iterable[Finding]:
    for found in map(json.loads, output.splitlines()):
        yield Finding(_place(found["file"], found["line"]), found["code"])


def parse_pyright(output: str) -> Iterable[Finding]:
    for found in json.loads(output)["generalDiagnostics"]:
        yield Finding(_place(found["file"], found["range"]["start"]["line"] + 1), found.get("rule", "syntax"))


def parse_pyrefly(output: str) -> Iterable[Finding]:
    for found in json.loads(output)["errors"]:
        yield Finding(_place(found["path"], found["line"]), found["name"])


BLOCKING = "ASYNC210 ASYNC211 ASYNC212 ASYNC220 ASYNC221 ASYNC222 ASYNC230 ASYNC231 ASYNC232 ASYNC240 ASYNC250 ASYNC251"

FERRAIO = Tool(
    "ferraio",
    "ferraio check . --no-cache --output-format concise",
    parse_lines,
    {code: code for code in KINDS},
)

OTHERS = [
    Tool(
        "ruff",
        "ruff check . --isolated --no-cache --preview --output-format json --select ASYNC,RUF006,F704,PLE1142",
        parse_ruff,
        {"FER002": BLOCKING, "FER003": "F704 PLE1142 invalid-syntax", "FER006": "RUF006", "FER103": "ASYNC110"},
    ),
    Tool(
        "flake8-async",
        "flake8 . --isolated --select ASYNC,F704,E999",
        parse_lines,
        {
            "FER002": BLOCKING,
            "FER003": "F704 E999",
            "FER006": "ASYNC300",
            "FER010": "ASYNC103 ASYNC104",
            "FER103": "ASYNC110",
        },
    ),
    Tool(
        "mypy",
        "mypy . --check-untyped-defs --explicit-package-bases --output json --enable-error-code unused-coroutine"
        f" --enable-error-code unused-awaitable --enable-error-code truthy-bool --cache-dir {os.devnull}",
        parse_mypy,
        {
            "FER001": "unused-coroutine unused-awaitable",
            "FER003": "await-not-async top-level-await syntax",
            "FER006": "unused-awaitable",
            "FER008": "unused-awaitable",
        },
        type_errors="arg-type assignment attr-defined call-overload dict-item index list-item misc operator"
        " return-value str-format truthy-bool type-var union-attr",
        environment={"MYPYPATH": os.pathsep.join(map(str, SEARCH_PATHS[1:]))},
    ),
    Tool(
        "pyright",
        f"pyright . --outputjson --pythonpath {sys.executable}",
        parse_pyright,
        {"FER001": "reportUnusedCoroutine", "FER003": "syntax"},
        type_errors="reportArgumentType reportAssignmentType reportAttributeAccessIssue reportCallIssue"
        " reportFunctionMemberAccess reportGeneralTypeIssues reportIndexIssue reportOperatorIssue reportReturnType",
    ),
    Tool(
        "ty",
        f"ty check . --python {sys.prefix} --python-version 3.13 --output-format concise"
        + "".join(f" --extra-search-path {path}" for path in SEARCH_PATHS),
        parse_lines,
        {"FER001": "unused-awaitable", "FER003": "invalid-syntax"},
        type_errors="invalid-argument-type invalid-assignment invalid-explicit-return invalid-return-type"
        " missing-attribute no-matching-overload not-iterable not-subscriptable redundant-condition"
        " unsupported-operator",
    ),
    Tool(
        "pyrefly",
        f"pyrefly check . --preset all --output-format json --python-interpreter-path {sys.executable}"
        + "".join(f" --search-path {path}" for path in SEARCH_PATHS),
        parse_pyrefly,
        {"FER001": "unused-coroutine", "FER003": "invalid-syntax parse-error not-async"},
        type_errors="bad-argument-type bad-assignment bad-index bad-return bad-unpacking invalid-argument"
        " missing-attribute no-matching-overload not-iterable redundant-condition unsupported-operation",
    ),
]
