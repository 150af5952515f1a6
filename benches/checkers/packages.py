"""`ferraio check` over well-known packages as they are installed: how often is it wrong about code that works?

    python -m benches.checkers.packages ENVIRONMENT

Counts what it says about the packages of the dependency group `checked-packages`, and judges each report of a
coroutine that is never awaited and of a nested run by `reviewed.tsv`, where somebody who has read the code wrote `true`
(a mistake of the package) or `false` (a mistake of ours) and why. Fails where one is not in that list yet, and where
more than one in 100,000 lines is false.
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
from importlib.metadata import Distribution, distributions
from pathlib import Path

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
        [Path(sys.prefix) / "bin" / "ferraio", "check", *package.folders, "--output-format", "json"],
        cwd=site_packages,
        env=os.environ | {"VIRTUAL_ENV": str(environment)},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        sys.exit(f"ferraio check failed on {package.name}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def read_reviewed() -> dict[Report, str]:
    with REVIEWED.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {Report(row["code"], row["path"], row["source"]): row["verdict"] for row in rows}


def main() -> None:
    environment = Path(sys.argv[1]).resolve()
    (site_packages,) = environment.glob("lib/python3.*/site-packages")
    reviewed = read_reviewed()
    verdicts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    lines = 0
    for package in checked_packages(site_packages):
        findings = check(site_packages, environment, package)
        codes.update(finding["code"] for finding in findings)
        lines += package.lines
        print(f"{package.name} {package.version}: {package.lines:,} lines, {len(findings)} findings")
        for finding in findings:
            if finding["code"] not in CODES:
                continue
            file, line = site_packages / finding["filename"], finding["location"]["row"]
            source = file.read_text(encoding="utf-8").splitlines()[line - 1].strip()
            report = Report(finding["code"], file.relative_to(site_packages).as_posix(), source)
            verdict = reviewed.get(report, "unreviewed")
            verdicts[verdict] += 1
            print(f"  {verdict}: {report.code} {report.path}:{line}: {finding['message']}\n      {source}")
    print(f"\n{lines:,} lines; {', '.join(f'{code} {count}' for code, count in sorted(codes.items()))}")
    print(f"{' and '.join(CODES)}: {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items()) or 'none'}")
    if verdicts["unreviewed"] or verdicts["false"] * LINES_FOR_ONE_FALSE > lines:
        sys.exit("\nreports are to be reviewed, or too many are false")


if __name__ == "__main__":
    main()
