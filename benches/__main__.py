"""`python -m benches`: runs the cases, or reads a finished run, and shows what came out."""

import argparse
import fnmatch
import sys
from pathlib import Path

from benches import instructions, machine, report, targets
from benches.case import QUICK, THOROUGH, Case, load_all
from benches.peers import PEERS, Peer
from benches.results import Results
from benches.rounds import SampleFailed, run_case

COUNTED_PEERS = ("asyncio", "uvloop", "ferraio")


def main() -> int:
    wanted = arguments()
    cases = {key: case for key, case in load_all().items() if _is_wanted(key, wanted.only)}
    if wanted.list:
        print("\n".join(f"{key:36} {case.question}" for key, case in cases.items()))
        return 0
    if wanted.read:
        results = Results.read(wanted.read)
        results.content["cases"] = {k: v for k, v in results.cases.items() if _is_wanted(k, wanted.only)}
    elif not cases:
        sys.exit(f"no case matches {wanted.only}; --list shows all")
    else:
        results = count_instructions(cases, wanted) if wanted.instructions else measure(cases, wanted)

    if wanted.json:
        results.write(wanted.json)
    if wanted.markdown:
        wanted.markdown.write_text(report.markdown(results) + "\n")
    print(report.terminal(results))
    if wanted.check:
        text, all_met = targets.check(results)
        print(f"\n{text}")
        return 0 if all_met else 1
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches", description="Measure event loops side by side.")
    add = parser.add_argument
    add("--only", action="append", metavar="PATTERN", help="cases by name (echo.*, *sleep*); may be repeated")
    add("--peers", type=lambda names: names.split(","), help=f"of {','.join(PEERS)}")
    add("--rounds", type=int, help="samples of each peer (7)")
    add("--quick", action="store_true", help="two short rounds: shows that it works, measures roughly")
    add("--instructions", action="store_true", help="count instructions with valgrind instead of time")
    add("--read", type=Path, metavar="FILE", help="show the results in a JSON file; measure nothing")
    add("--json", type=Path, metavar="FILE", help="keep the results here")
    add("--markdown", type=Path, metavar="FILE", help="write the table for the README here")
    add("--check", action="store_true", help="say which targets are met; exit with 1 if one is missed")
    add("--list", action="store_true", help="list the cases and their questions")
    wanted = parser.parse_args()
    if unknown := set(wanted.peers or ()) - set(PEERS):
        parser.error(f"no such peer: {', '.join(unknown)}")
    if wanted.instructions and not instructions.is_possible():
        parser.error("--instructions needs valgrind")
    if wanted.instructions and wanted.check:
        parser.error("the targets are about time: --check goes without --instructions")
    return wanted


def measure(cases: dict[str, Case], wanted: argparse.Namespace) -> Results:
    effort = QUICK if wanted.quick else THOROUGH
    rounds = wanted.rounds or (2 if wanted.quick else 7)
    peers = _peers(wanted.peers or PEERS)
    content = {"machine": machine.describe(), "rounds": rounds, "cases": {}}
    for key, case in cases.items():
        _tell(key)
        found = run_case(case, [peer for peer in peers if peer.is_of(key)], rounds, effort)
        content["cases"][key] = _about(case, case.unit) | {"peers": found}
    return Results(content)


def count_instructions(cases: dict[str, Case], wanted: argparse.Namespace) -> Results:
    content = {"machine": machine.describe(), "rounds": 1, "cases": {}}
    for key, case in cases.items():
        if case.perform is None:
            continue
        _tell(key)
        found = {peer.name: _counted(case, peer) for peer in _peers(wanted.peers or COUNTED_PEERS)}
        content["cases"][key] = _about(case, "instructions") | {"peers": found}
    return Results(content)


def _counted(case: Case, peer: Peer) -> dict:
    try:
        count = instructions.count(case, peer.name)
        return {"median": count, "samples": [count]}
    except SampleFailed as why:
        return {"failed": str(why)}


def _about(case: Case, unit: str) -> dict:
    return {"title": case.title, "question": case.question, "unit": unit}


def _peers(names) -> list[Peer]:
    missing = [name for name in names if not PEERS[name].is_here()]
    if missing:
        _tell(f"left out, not installed: {', '.join(missing)}")
    return [PEERS[name] for name in names if name not in missing]


def _is_wanted(key: str, patterns: list[str] | None) -> bool:
    return not patterns or any(fnmatch.fnmatch(key, pattern) for pattern in patterns)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
