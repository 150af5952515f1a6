"""`ferraio check` over well-known packages as they are installed: how often is it wrong about code that works?

    python -m benches.checkers.packages ENVIRONMENT

Writes docs/checked-packages.md. Counts what it says about the packages of the dependency group `checked-packages`,
and judges each report of a coroutine that is never awaited and of a nested run by `reviewed.tsv`, where somebody who
has read the code wrote `true` (a mistake of the package) or `false` (a mistake of ours) and why. Fails where one is not
in that list yet, and where more than one in 100,000 lines is false.
"""

import csv
import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import Distribution, distributions
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "checked-packages.md"
REVIEWED = Path(__file__).with_name("reviewed.tsv")
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
CODES = ("FER001", "FER004")
LINES_FOR_ONE_FALSE = 100_000


@dataclass
class Package:
    name: str
    version: str
    folders: list[str]
    lines: int


@dataclass(frozen=True)
class Report:
    """A finding, known again by its file and the text of its line, so that it may move within the file."""

    code: str
    path: str
    source: str


def checked_packages(site_packages: Path) -> Iterator[Package]:
    names = {
        name.partition(">")[0] for name in tomllib.loads(PROJECT.read_text())["dependency-groups"]["checked-packages"]
    }
    installed = {found.name.lower().replace("_", "-"): found for found in distributions(path=[str(site_packages)])}
    if missing := names - installed.keys():
        sys.exit(f"not installed in {site_packages}: {', '.join(sorted(missing))}")
    for name in sorted(names):
        folders = _folders(installed[name])
        files = [file for folder in folders for file in (site_packages / folder).rglob("*.py")]
        lines = sum(file.read_bytes().count(b"\n") for file in files)
        yield Package(name, installed[name].version, folders, lines)


def _folders(distribution: Distribution) -> list[str]:
    """The folders that hold the package, without those that are for tests and documentation only."""
    tops = {file.parts[0] for file in distribution.files or [] if file.suffix == ".py" and len(file.parts) > 1}
    return sorted(top for top in tops if top.isidentifier() and top not in ("tests", "docs"))


def check(site_packages: Path, environment: Path, package: Package) -> list[dict]:
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "ferraio", "check", *package.folders, "--no-cache", "--output-format", "json"],
        cwd=site_packages,
        env=os.environ | {"VIRTUAL_ENV": str(environment)},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        sys.exit(f"ferraio check failed on {package.name}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


@dataclass
class Review:
    """What somebody who has read the code says of a report."""

    verdict: str
    why: str


def read_reviewed() -> dict[Report, Review]:
    with REVIEWED.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {Report(row["code"], row["path"], row["source"]): Review(row["verdict"], row["why"]) for row in rows}


INTRODUCTION = """\
# What `ferraio check` says about well-known packages

{count} packages as they are installed, {lines:,} lines, checked on {day} by `make check-packages`, which writes this
page. Each report of a coroutine that is never awaited (FER001) and of a loop that is run in a running one (FER004) was
read and judged (`benches/checkers/reviewed.tsv`): {true} are true, {false} false, that is {rate:.2f} in 100,000 lines.
"""


def page(checked: list[tuple[Package, Counter[str]]], judged: list[tuple[Report, Review]]) -> str:
    lines = sum(package.lines for package, _ in checked)
    false = sum(review.verdict == "false" for _, review in judged)
    codes = sorted({code for _, found in checked for code in found})
    text = [
        INTRODUCTION.format(
            count=len(checked),
            lines=lines,
            day=date.today().isoformat(),
            true=len(judged) - false,
            false=false,
            rate=false * LINES_FOR_ONE_FALSE / lines,
        ),
        f"| package | lines | {' | '.join(codes)} |",
        f"| --- | ---: |{' ---: |' * len(codes)}",
        *(
            "| " + " | ".join([f"{package.name} {package.version}", f"{package.lines:,}", *_cells(found, codes)]) + " |"
            for package, found in checked
        ),
    ]
    for verdict, title in (("true", "True"), ("false", "False")):
        text += ["", f"## {title}", ""]
        text += [
            f"- {report.code} `{report.path}`: `{report.source}`: {review.why}"
            for report, review in judged
            if review.verdict == verdict
        ]
    return "\n".join(text) + "\n"


def _cells(found: Counter[str], codes: list[str]) -> list[str]:
    return [str(found[code] or "") for code in codes]


def main() -> None:
    environment = Path(sys.argv[1]).resolve()
    (site_packages,) = environment.glob("lib/python3.*/site-packages")
    reviewed = read_reviewed()
    checked: list[tuple[Package, Counter[str]]] = []
    judged: list[tuple[Report, Review]] = []
    unreviewed = 0
    for package in checked_packages(site_packages):
        findings = check(site_packages, environment, package)
        checked.append((package, Counter(finding["code"] or finding["name"] for finding in findings)))
        print(f"{package.name} {package.version}: {package.lines:,} lines, {len(findings)} findings")
        for finding in findings:
            if finding["code"] not in CODES:
                continue
            report, line = _report(finding, site_packages)
            review = reviewed.get(report)
            if review is None:
                unreviewed += 1
            else:
                judged.append((report, review))
            verdict = review.verdict if review else "unreviewed"
            print(f"  {verdict}: {report.code} {report.path}:{line}: {finding['message']}\n      {report.source}")
    lines = sum(package.lines for package, _ in checked)
    false = sum(review.verdict == "false" for _, review in judged)
    print(f"\n{lines:,} lines; {len(judged) - false} true, {false} false, {unreviewed} unreviewed")
    PAGE.write_text(page(checked, judged))
    if unreviewed or false * LINES_FOR_ONE_FALSE > lines:
        sys.exit("\nreports are to be reviewed, or too many are false")


def _report(finding: dict, site_packages: Path) -> tuple[Report, int]:
    file, line = site_packages / finding["filename"], finding["location"]["row"]
    source = file.read_text(encoding="utf-8").splitlines()[line - 1].strip()
    return Report(finding["code"], file.relative_to(site_packages).as_posix(), source), line


if __name__ == "__main__":
    main()
