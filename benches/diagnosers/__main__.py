"""Runs all tools over the corpus, measures what they cost, writes docs/diagnosers.md, and fails where ours is wrong.

It promises to report every mistake on its lines, and nothing in the programs that make none.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benches import machine
from benches.diagnosers import overhead
from benches.diagnosers.corpus import KINDS, Case, Program, cases, read_corpus
from benches.diagnosers.tools import TIME_LIMIT, TOOLS, Tool

PAGE = Path(__file__).parents[2] / "docs" / "diagnosers.md"

INTRODUCTION = """\
# Who reports what

Small programs that each make one mistake (`tests/mistakes`: {wrong} programs, and {correct} that make none), run under
the tools that diagnose running asyncio programs. `make bench-diagnosers` runs them and writes this page. Made on
{machine}.

A cell says in how many programs the tool reports the mistake, and after the stroke, in how many it also names the line,
or all of them if there are several; `·` is none. Any words of the tool that mean the mistake count
(`benches/diagnosers/tools.py` has them), and so does a line that stands anywhere in what the process wrote. Each tool
is used as its documentation says, around the main coroutine, with all it has switched on that can see one of these
mistakes, and with the same time limit as ferraio (`benches/diagnosers/watching.py`). A program that does not end is
interrupted after {limit} seconds, as by Ctrl-C, for tools that report at the end.

"Python alone" is asyncio without any tool. What it says is not counted again for blockbuster, aiocop, pyleak and
asynclens, whose users see it, too. These four are made for fewer mistakes than there are rows here: blockbuster, aiocop
and asynclens look for blocked loops, and pyleak for those and for tasks that are left at the end.

"""

OVERHEAD = """
## What it costs

CPU time of small workloads in which nothing is wrong: how many times as much as without the tool. Those of ferraio are
compared with ferraio without diagnosis, the others with asyncio. The first two rows are nanoseconds, for scale. Medians
of {processes} processes each, in turns. On a machine that does other work at the same time, figures within a fifth of
each other are alike.

"""


class Outcome:
    """What one tool made of the corpus."""

    def __init__(self, tool: Tool, programs: list[Program], outputs: list[str]):
        by_name = {program.name: output for program, output in zip(programs, outputs, strict=True)}
        self.tool = tool
        self.cases = cases(programs)
        self.reported = [case for case in self.cases if tool.reports(case, by_name[case.program.name])]
        self.on_its_lines = [case for case in self.reported if tool.names_the_lines(case, by_name[case.program.name])]
        self.false_alarms = [
            program.name for program in programs if program.is_correct and tool.says_anything(by_name[program.name])
        ]

    def cell(self, code: str | None = None) -> str:
        def count(chosen: list[Case]) -> int:
            return sum(code in (None, case.code) for case in chosen)

        return f"{count(self.reported)} / {count(self.on_its_lines)}" if count(self.reported) else "·"


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---", *("---:" for _ in head[1:])], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def findings_table(outcomes: list[Outcome]) -> str:
    everything = outcomes[0].cases
    rows = [["mistake", "programs", *(outcome.tool.heading for outcome in outcomes)]]
    for code, mistake in KINDS.items():
        total = sum(case.code == code for case in everything)
        if total:
            row = [f"[{code}](rules/{code}.md) {mistake}", str(total)]
            rows.append(row + [outcome.cell(code) for outcome in outcomes])
    rows.append(["**all**", str(len(everything)), *(outcome.cell() for outcome in outcomes)])
    alarms = [str(len(outcome.false_alarms)) for outcome in outcomes]
    rows.append(["correct programs in which it reports something", "", *alarms])
    return table(rows)


def overhead_table(figures: dict[str, dict[str, float]]) -> str:
    rows = [["", *overhead.WORKLOADS.values()]]
    for way, (heading, base) in overhead.WAYS.items():
        cells = [
            f"{by_way[way]:,.0f} ns" if base is None else f"{by_way[way] / by_way[base]:.2f}"
            for by_way in figures.values()
        ]
        rows.append([heading, *cells])
    return table(rows)


def where() -> str:
    """Say when and on what kind of machine this runs."""
    facts = machine.describe()
    kernel = str(facts["kernel"]).partition("-")[0]
    return f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, {kernel}, {facts['python']}"


def report(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title}:", *sorted(lines), sep="\n  ")


def main() -> None:
    words = sys.argv[1:]
    programs = read_corpus(words)
    # Two at a time, one of which mostly waits: more would slow down tools that measure time.
    with ThreadPoolExecutor(2) as pool:
        outcomes = [Outcome(tool, programs, list(pool.map(tool.run, programs))) for tool in TOOLS]
    if words:
        print(findings_table(outcomes))
    else:
        correct = sum(program.is_correct for program in programs)
        text = INTRODUCTION.format(
            wrong=len(programs) - correct,
            correct=correct,
            machine=where(),
            limit=TIME_LIMIT,
        )
        text += findings_table(outcomes)
        text += OVERHEAD.format(processes=overhead.PROCESSES) + overhead_table(overhead.measure())
        PAGE.write_text(text)
        print(text)

    ours, *others = outcomes
    for outcome in others:
        report(f"{outcome.tool.title} reports in correct programs", outcome.false_alarms)
    missed = [str(case) for case in ours.cases if case not in ours.on_its_lines]
    report("ferraio misses", missed)
    report("ferraio reports in correct programs", ours.false_alarms)
    if missed or ours.false_alarms:
        sys.exit("\nferraio does not keep its promise")


if __name__ == "__main__":
    main()
