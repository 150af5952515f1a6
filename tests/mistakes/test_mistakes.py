"""Each program here makes one mistake, and ferraio finds exactly that.

A comment says what is to be found, and on which line: ``# FER001: words of the message or of a note``. The programs in
``correct`` make none. Each runs as `ferraio run`, in a process of its own. Further comments, each on a line of its own:

    # settings: slow=0.05       settings besides ``hint,format=json``
    # exit: 1                   the exit status, if it is not 0
    # python: 3.12              the oldest Python that it is for
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted(path for path in HERE.rglob("*.py") if path.parent != HERE)


def expected_findings(source: str) -> dict[tuple[str, int], str]:
    """Return the words that each finding is expected to have, by its code and line."""
    expected = {}
    for number, line in enumerate(source.splitlines(), 1):
        for code, words in re.findall(r"# (FER\d{3}): ([^#]*)", line):
            expected[code, number] = words.strip()
    return expected


def directive(source: str, name: str, default: str) -> str:
    found = re.search(rf"^# {name}: (.*)$", source, re.MULTILINE)
    return found[1] if found else default


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_mistake_is_found_and_nothing_else(program):
    source = program.read_text(encoding="utf-8")
    oldest = tuple(map(int, directive(source, "python", "3.11").split(".")))
    if sys.version_info < oldest:
        pytest.skip(f"for Python {directive(source, 'python', '')} and newer")
    settings = ",".join(filter(None, ["hint", "format=json", directive(source, "settings", "")]))
    name = program.relative_to(HERE).as_posix()
    outcome = subprocess.run(
        [sys.executable, "-m", "ferraio", "run", name],
        cwd=HERE,
        env=os.environ | {"FERRAIO": settings, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    findings = [json.loads(line) for line in outcome.stderr.splitlines() if line.startswith('{"code":')]
    found = {(each["code"], each["location"] and each["location"]["row"]): each for each in findings}
    expected = expected_findings(source)
    assert sorted(found, key=repr) == sorted(expected, key=repr), outcome.stderr
    for site, words in expected.items():
        texts = [found[site]["message"], *found[site]["notes"], found[site]["help"] or ""]
        assert any(words in text for text in texts), texts
        assert found[site]["filename"] == name
    assert outcome.returncode == int(directive(source, "exit", "0")), outcome.stderr
