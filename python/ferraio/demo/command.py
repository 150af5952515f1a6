"""The command `ferraio demo`: the agent on asyncio and on ferraio, and a table of what each took.

Every run has a fresh process and a fresh stub model server, one run after another, so that none finds
anything warmed up by another. The loops take turns for some rounds and the table has the medians: two runs
of the same loop differ by a tenth and more on a busy machine, so one run of each compares nothing.
Everything the command starts is gone when it ends, also when it ends by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from .server_process import ModelServerProcess, ServerDidNotStart

_KEY = "ANTHROPIC_API_KEY"
_LIVE_MODEL = "claude-haiku-4-5"
_STUB_MODEL = "ferraio-stub-small"
_PATIENCE = 5.0
#: Which part of the program the conclusion is drawn from.
_MANY = 3

_COLUMNS = (("wall", "wall"), ("CPU", "cpu"), ("in turn", "one_after_another"))
_WIDTH = 10


class DemoFailed(Exception):
    """Tells in one line why there is nothing to show."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo; gives 0, 1 when a run failed, 2 when something is missing, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    missing = _missing(options.live)
    if missing is not None:
        print(f"ferraio demo: {missing}", file=sys.stderr)
        return 2
    loops = ("asyncio", "ferraio") if options.loop == "both" else (options.loop,)
    try:
        rounds = options.rounds or (1 if options.live else 3)
        turns = [[_run(loop, options) for loop in loops] for _ in range(rounds)]
        runs = [_in_the_middle(same_loop) for same_loop in zip(*turns, strict=True)]
    except (DemoFailed, ServerDidNotStart) as failure:
        print(f"ferraio demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ferraio demo: stopped", file=sys.stderr)
        return 130
    if options.json:
        delay = None if options.live else options.delay
        print(json.dumps({"live": options.live, "delay": delay, "runs": runs}, indent=2))
    else:
        print(_introduction(options, runs[0]), _table(runs), _explanation(rounds), _conclusion(runs), sep="\n\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ferraio demo",
        description="Runs an agent program, with the real anthropic SDK, on a stub model server of its own.",
    )
    parser.add_argument(
        "--loop",
        choices=("ferraio", "asyncio", "both"),
        default="both",
        help="what it runs on (default: both)",
    )
    parser.add_argument("--delay", type=_seconds, default=0.05, help="seconds the stub thinks (default: 0.05)")
    parser.add_argument("--calls", type=_count, help="calls of the large part (default: 200, or 10 with --live)")
    parser.add_argument("--concurrency", type=_count, help="how many at a time (default: 50, or 5 with --live)")
    parser.add_argument("--live", action="store_true", help=f"ask the real service; needs {_KEY}; costs a little money")
    parser.add_argument("--rounds", type=_count, help="runs of each loop (default: 3, or 1 with --live)")
    parser.add_argument("--model", help=f"model to ask (default with --live: {_LIVE_MODEL})")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _missing(live: bool) -> str | None:
    if importlib.util.find_spec("anthropic") is None:
        return "it needs the anthropic SDK: pip install 'ferraio[demo]'"
    if live and not os.environ.get(_KEY):
        return f"--live asks the real service and needs your key in the environment variable {_KEY}"
    return None


def _run(loop: str, options: argparse.Namespace) -> dict[str, Any]:
    """Runs the agent on one loop and gives what it measured."""
    model = options.model or (_LIVE_MODEL if options.live else _STUB_MODEL)
    calls = options.calls or (10 if options.live else 200)
    concurrency = options.concurrency or (5 if options.live else 50)
    command = [sys.executable, "-m", "ferraio.demo.agent", "--loop", loop, "--model", model]
    command += ["--calls", str(calls), "--concurrency", str(concurrency)]
    if sys.stderr.isatty():
        print(f"running on {loop} ...", file=sys.stderr)
    with ExitStack() as stack:
        environment = dict(os.environ)
        if not options.live:
            server = stack.enter_context(ModelServerProcess(delay=options.delay))
            command += ["--base-url", server.address]
            environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1"
        return _output_of(command, environment, loop)


def _output_of(command: Sequence[str], environment: Mapping[str, str], loop: str) -> dict[str, Any]:
    # A session of its own: Ctrl-C comes to us alone, and the child ends without a traceback.
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    finally:
        _end(process)
    if process.returncode != 0:
        raise DemoFailed(f"the agent failed on {loop} (exit code {process.returncode})")
    measured: dict[str, Any] = json.loads(output)
    return measured


def _end(process: subprocess.Popen[str]) -> None:
    try:
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()
    finally:
        assert process.stdout is not None
        process.stdout.close()


def _in_the_middle(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Makes one run of several on the same loop: each figure is the median; the rounds are kept beside it."""
    parts = []
    for same_part in zip(*[each["parts"] for each in rounds], strict=True):
        medians = {field: median([figures[field] for figures in same_part]) for _, field in _COLUMNS}
        parts.append({**same_part[0], **medians})
    return {**rounds[0], "parts": parts, "rounds": [each["parts"] for each in rounds]}


def _introduction(options: argparse.Namespace, run: Mapping[str, Any]) -> str:
    service = f"Each answer of the stub model server begins after {_time(options.delay)}."
    if options.live:
        service = "The answers come from the real service."
    return f"An agent on the anthropic SDK {run['sdk']}, Python {run['python']}. {service}"


def _table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Lays the figures out: a line for each part, the loops side by side."""
    parts = [figures["part"] for figures in runs[0]["parts"]]
    first = max(map(len, parts))
    group = _WIDTH * len(_COLUMNS)
    titles = "".join(f"{title:>{_WIDTH}}" for title, _ in _COLUMNS)
    lines = [
        f"{'':{first}}{'':7}" + "".join(f"  {' ' + run['loop'] + ' ':-^{group - 2}}" for run in runs),
        f"{'':{first}}{'calls':>7}" + titles * len(runs),
    ]
    for index, part in enumerate(parts):
        line = f"{part:{first}}{runs[0]['parts'][index]['calls']:>7}"
        for run in runs:
            line += "".join(f"{_time(run['parts'][index][field]):>{_WIDTH}}" for _, field in _COLUMNS)
        lines.append(line)
    return "\n".join(lines)


def _explanation(rounds: int) -> str:
    figures = "One round" if rounds == 1 else f"Medians of {rounds} rounds"
    return f"{figures}. CPU is the agent's alone. In turn: as many calls one by one, from the first line."


def _conclusion(runs: Sequence[Mapping[str, Any]]) -> str:
    """Says what to take from the table."""
    many = [run["parts"][_MANY] for run in runs]
    last = many[-1]
    said = (
        f"{last['part']}, took {_time(last['wall'])} on {runs[-1]['loop']};"
        f" one after another they take {_time(last['one_after_another'])}."
    )
    if len(runs) == 1:
        return said
    before, used = ([parts[_MANY]["cpu"] for parts in run["rounds"]] for run in runs)
    return (
        f"{said}\nFor them ferraio used {_time(last['cpu'])} of the processor,"
        f" asyncio {_time(many[0]['cpu'])}, the SDK's own work in both:\n{_verdict(before=before, used=used)}"
    )


def _verdict(*, before: Sequence[float], used: Sequence[float]) -> str:
    """Calls a difference one only if every round shows it."""
    if len(used) == 1:
        return "one round, which is too few to compare them."
    if min(used) <= max(before) and min(before) <= max(used):
        return f"no clear difference, the {len(used)} rounds overlap."
    changed = round(100 * (1 - median(used) / median(before)))
    direction = "less" if changed > 0 else "more"
    return f"{abs(changed)} % {direction} on ferraio, and so in each of {len(used)} rounds."


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.9995 else f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
