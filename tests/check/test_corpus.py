"""`ferraio check` on the corpus of marked mistakes: it finds them, and nothing where nothing is wrong.

Who else finds which of them is in docs/checkers.md; `benches/checkers` has the corpus' reader and makes that page.
"""

import os
import subprocess
import sys

import pytest

from benches.checkers.corpus import CORPUS, SEARCH_PATHS, read_corpus
from benches.checkers.tools import parse_lines

LEAST_SHARE = 0.98


@pytest.fixture(scope="module")
def mistakes():
    return read_corpus()


@pytest.fixture(scope="module")
def reported():
    """What `ferraio check` says about the corpus: pairs of place and code."""
    done = subprocess.run(
        [sys.executable, "-m", "ferraio", "check", ".", "--no-cache", "--output-format", "concise"],
        cwd=CORPUS,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert done.returncode == 1, done.stderr
    return [(finding.place, finding.code) for finding in parse_lines(done.stdout)]


def test_the_corpus_is_large_and_varied(mistakes):
    programs = {mistake.place.path.partition("/")[0] for mistake in mistakes}
    assert len(mistakes) >= 120
    assert len(programs) >= 35
    assert all(path.is_dir() for path in SEARCH_PATHS)


def test_nearly_all_mistakes_are_found(mistakes, reported):
    missed = [mistake for mistake in mistakes if not any((place, mistake.code) in reported for place in mistake.places)]
    assert len(missed) <= (1 - LEAST_SHARE) * len(mistakes), "\n".join(
        f"{mistake.place}: {mistake.code} {mistake.source}" for mistake in missed
    )


def test_nothing_is_reported_where_nothing_is_wrong(mistakes, reported):
    wrong = {(place, mistake.code) for mistake in mistakes for place in mistake.places}
    assert [f"{place}: {code}" for place, code in reported if (place, code) not in wrong] == []
