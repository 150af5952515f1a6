"""The index of rules, and their pages."""

import re
from pathlib import Path

import pytest
from ferraio import _ferraio
from ferraio.diagnose.rules import RULES, name_of, severity_of

PAGES = Path(__file__).parents[2] / "docs" / "rules"


@pytest.mark.parametrize("path", sorted(PAGES.glob("FER*.md")), ids=lambda path: path.stem)
def test_each_page_is_built_in_and_has_its_parts(path):
    text = path.read_text(encoding="utf-8")
    rule = RULES[path.stem]
    assert rule.page == text
    assert text.startswith(f"# {rule.code} {rule.name}\n")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    wanted = ["Why is this bad", "Example", "Use instead", "How to silence it"]
    assert [heading for heading in headings if heading in wanted] == wanted


def test_the_index_lists_every_rule():
    text = (PAGES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(FER\d+)\]\((FER\d+)\.md\) \| (\S+) \|", text, re.MULTILINE) == [
        (rule.code, rule.code, rule.name) for rule in RULES.values()
    ]


def test_what_is_not_in_the_index_has_no_page():
    assert _ferraio._rule_page("FER999") is None
    assert (name_of("FER999"), severity_of("FER999")) == ("fer999", "warning")
