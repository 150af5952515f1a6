"""Runs all checkers over the corpus, writes docs/checkers.md, and fails where ours is not what it promises to be.

It promises to find 98 % of the mistakes, all that any other checker finds among them, and nothing where nothing is
wrong.
"""

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benches.checkers import speed
from benches.checkers.corpus import KINDS, Mistake, Place, read_corpus
from benches.checkers.tools import FERRAIO, OTHERS, Finding, Tool

PAGE = Path(__file__).parents[2] / "docs" / "checkers.md"
LEAST_SHARE = 0.98

INTRODUCTION = """\
# Who finds what

Small programs with marked mistakes (`crates/ferraio-check/tests/corpus`: {programs} programs, {mistakes} mistakes, and
much that only looks like one), and what static checkers say about them. Made on {day} by `make bench-checkers`, which
writes this page.

A mistake counts as found if the checker reports anything on its line, or where it shows, that can mean it: for type
checkers that is also a coroutine where another type is wanted. A false positive is a report about async code on any
line where nothing is wrong. Each checker is run with all its rules about async code switched on; which of its codes
means which mistake is in `benches/checkers/tools.py`.
"""


@dataclass
class Outcome:
    """What one tool made of the corpus."""

    tool: Tool
    found: list[Mistake]
    missed: list[Mistake]
    false_positives: list[Finding]

    def cell(self, code: str | None = None) -> str:
        def count(mistakes: list[Mistake]) -> int:
            return sum(code in (None, mistake.code) for mistake in mistakes)

        return f"{count(self.found)}/{count(self.found) + count(self.missed)}"


def judge(tool: Tool, mistakes: list[Mistake], findings: list[Finding]) -> Outcome:
    reported: dict[Place, set[str]] = {}
    for finding in findings:
        reported.setdefault(finding.place, set()).update(tool.possible_kinds(finding))
    outcome = Outcome(tool, [], [], [])
    for mistake in mistakes:
        seen = any(mistake.code in reported.get(place, ()) for place in mistake.places)
        (outcome.found if seen else outcome.missed).append(mistake)
    marked = {place for mistake in mistakes for place in mistake.places}
    outcome.false_positives = [finding for finding in findings if tool.kinds(finding) and finding.place not in marked]
    return outcome


def page(outcomes: list[Outcome], mistakes: list[Mistake]) -> str:
    programs = len({mistake.place.path.partition("/")[0] for mistake in mistakes})
    text = INTRODUCTION.format(programs=programs, mistakes=len(mistakes), day=date.today().isoformat())
    kinds = [code for code in KINDS if any(mistake.code == code for mistake in mistakes)]
    rows = [
        ["mistake", *(f"{outcome.tool.name} {outcome.tool.version}" for outcome in outcomes)],
        ["---", *("---:" for _ in outcomes)],
        *([f"{code} {KINDS[code]}", *(outcome.cell(code) for outcome in outcomes)] for code in kinds),
        ["**all**", *(f"**{outcome.cell()}**" for outcome in outcomes)],
        ["false positives", *(str(len(outcome.false_positives)) for outcome in outcomes)],
    ]
    return "\n".join([text, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def report(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title}:", *sorted(lines), sep="\n  ")


def main() -> None:
    mistakes = read_corpus()
    ours, *others = [judge(tool, mistakes, tool.run()) for tool in (FERRAIO, *OTHERS)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page([ours, *others], mistakes) + "\n" + speed.section() + "\n")
    print(PAGE.read_text())

    missed = {id(mistake) for mistake in ours.missed}
    seen_by_others = [
        f"{mistake.place}: {mistake.code} {mistake.source} ({other.tool.name})"
        for other in others
        for mistake in other.found
        if id(mistake) in missed
    ]
    report("missed", [f"{mistake.place}: {mistake.code} {mistake.source}" for mistake in ours.missed])
    report("missed, and seen by others", seen_by_others)
    for outcome in (ours, *others):
        wrong = [f"{finding.place}: {finding.code}" for finding in outcome.false_positives]
        report(f"false positives of {outcome.tool.name}", wrong)
    if len(ours.found) < LEAST_SHARE * len(mistakes) or seen_by_others or ours.false_positives:
        sys.exit("\nferraio check does not keep its promise")


main()
