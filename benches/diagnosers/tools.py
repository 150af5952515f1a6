"""The tools: how a program is run under each, and which of its words mean which kind of mistake.

Each runs a program in a process of its own. A program that does not end is interrupted as by Ctrl-C, for tools that say
at the end what they know. What Python says without any tool has a column of its own, and does not count for the others
again, but for asyncio's debug mode and ferraio: these are what they make of Python's reports.
"""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version

from benches.diagnosers.corpus import CORPUS, Case, Program

#: Seconds until a program is interrupted, and until it is killed after that. The longest that ends takes 1.5.
TIME_LIMIT = 5
GRACE = 5

#: What Python says by itself.
PYTHON = {
    "FER001": r"coroutine '.*' was never awaited",
    "FER003": r"SyntaxError: ('await'|'async|asynchronous)",
    "FER004": r"cannot be called from a running event loop|event loop is already running|another loop is running",
    "FER005": r"no (running|current) event loop|different (event )?loop|loop is closed",
    "FER006": r"exception was never retrieved|destroyed but it is pending",
    "FER008": r"exception was never retrieved",
    "FER009": r"Error: .*(coroutine|await|unhashable|async|function)",
}


@dataclass(frozen=True)
class Tool:
    #: As the page calls it.
    title: str
    #: What it says for each kind of mistake, as a pattern.
    words: dict[str, str]
    #: The distribution that it is in; None is Python's own.
    distribution: str | None = None
    #: Its name in `watching`; None runs the program as it is.
    watching: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        return f"{self.title} {version(self.distribution)}" if self.distribution else self.title

    def run(self, program: Program) -> str:
        """Run the program, and return all that the process has written."""
        return _run([sys.executable, *self._arguments(program)], program, self.environment)

    def _arguments(self, program: Program) -> list[str]:
        if self.watching is None:
            return [program.name]
        slow = "-" if program.slow is None else str(program.slow)
        return ["-m", "benches.diagnosers.watching", self.watching, program.name, slow]

    def reports(self, case: Case, output: str) -> bool:
        return case.code in self.words and re.search(self.words[case.code], output) is not None

    def names_the_lines(self, case: Case, output: str) -> bool:
        """Whether each line of the mistake stands anywhere in the output, as a place in the program."""
        places = rf'{re.escape(case.program.path.name)}(?:", line | l\. |:)(\d+)\b'
        return case.lines <= set(map(int, re.findall(places, output)))

    def says_anything(self, output: str) -> bool:
        """Whether it has reported any mistake at all."""
        return any(re.search(words, output) for words in self.words.values())


class Ferraio(Tool):
    """It says in each finding which mistake it means, and where."""

    def run(self, program: Program) -> str:
        command = [sys.executable, "-m", "ferraio", "run", program.name]
        return _run(command, program, {"FERRAIO": f"{program.settings},format=json"})

    def reports(self, case: Case, output: str) -> bool:
        return any(each["code"] == case.code for each in _findings(output))

    def names_the_lines(self, case: Case, output: str) -> bool:
        found = {
            each["location"]["row"] for each in _findings(output) if each["code"] == case.code and each["location"]
        }
        return case.lines <= found

    def says_anything(self, output: str) -> bool:
        return bool(_findings(output))


def _findings(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith('{"code":')]


def _run(command: list[str], program: Program, environment: dict[str, str]) -> str:
    own = {name: value for name, value in os.environ.items() if name not in ("FERRAIO", "PYTHONASYNCIODEBUG")}
    process = subprocess.Popen(
        command,
        cwd=CORPUS,
        # Whatever the tools are run with has to find the tools.
        env=own | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(CORPUS.parents[1])} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Its children, too, are to be killed with it.
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=TIME_LIMIT)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=GRACE)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


_LEFT_TASKS = r"Detected \d+ leaked asyncio tasks"

TOOLS = [
    Ferraio("ferraio", {}, "ferraio"),
    Tool("Python alone", PYTHON),
    Tool(
        "asyncio debug mode",
        PYTHON
        | {
            "FER001": PYTHON["FER001"] + "|coroutines cannot be used with",
            "FER002": r"Executing .* took \d",
            "FER011": r"Non-thread-safe operation",
        },
        watching="debug_mode",
        environment={"PYTHONASYNCIODEBUG": "1"},
    ),
    Tool("blockbuster", {"FER002": r"BlockingError: Blocking call to"}, "blockbuster", "blockbuster"),
    Tool("aiocop", {"FER002": r"aiocop: \w+_blocking"}, "aiocop", "aiocop"),
    Tool(
        "pyleak",
        {"FER002": r"Event loop blocked for"}
        # A task that is left at the end may be left by any of these.
        | dict.fromkeys(("FER006", "FER007", "FER008", "FER010"), _LEFT_TASKS),
        "pyleak",
        "pyleak_with_tracking",
    ),
    Tool("asynclens", {"FER002": r"\[AsyncLens\] Loop blocked"}, "asynclens", "asynclens"),
]
