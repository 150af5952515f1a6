"""All mistakes that ferraio reports: their codes, their names, how bad they are, and their pages.

This is the one index; the pages are ``docs/rules/FER*.md``, and travel in the extension.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ferraio import _ferraio


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of mistake."""

    code: str
    name: str
    #: error: it fails a run in mode strict. warning: the program is likely wrong or slow. hint: it explains an error.
    severity: str

    @property
    def page(self) -> str:
        """The text of its page in ``docs/rules``."""
        page = _ferraio._rule_page(self.code)
        assert page is not None, f"{self.code} has a page"
        return page


RULES = {
    rule.code: rule
    for rule in (
        Rule("FER001", "never-awaited", "error"),
        Rule("FER002", "blocked-loop", "warning"),
        Rule("FER003", "await-outside-async", "hint"),
        Rule("FER004", "run-in-running-loop", "hint"),
        Rule("FER005", "wrong-loop", "hint"),
        Rule("FER006", "lost-task", "error"),
        Rule("FER007", "deadlock", "error"),
        Rule("FER008", "gather-surprise", "warning"),
        Rule("FER009", "missing-await", "hint"),
        Rule("FER010", "swallowed-cancellation", "warning"),
        Rule("FER011", "wrong-thread", "warning"),
        # What only `ferraio check` finds.
        Rule("FER101", "run-in-library", "warning"),
        Rule("FER102", "sync-lock-across-await", "error"),
        Rule("FER103", "sleep-polling", "hint"),
        Rule("FER104", "async-without-await", "hint"),
        Rule("FER105", "deprecated-event-loop", "warning"),
        Rule("FER106", "client-in-loop", "warning"),
        Rule("FER107", "sequential-awaits", "hint"),
        Rule("FER108", "not-awaitable", "error"),
    )
}


def show(codes: list[str]) -> None:
    """Print the pages of some rules, or the list of all: ``ferraio rule FER001``."""
    if not codes:
        for rule in RULES.values():
            print(f"{rule.code}  {rule.name}")
    for code in codes:
        rule = RULES.get(code.upper())
        if rule is None:
            print(f"ferraio: there is no rule {code}; `ferraio rule` lists all", file=sys.stderr)
            raise SystemExit(2)
        print(rule.page.rstrip("\n"))


def name_of(code: str) -> str:
    """Return the name of a rule; of one that is not in the index, its code."""
    return RULES[code].name if code in RULES else code.lower()


def severity_of(code: str) -> str:
    """Return how bad a mistake is."""
    return RULES[code].severity if code in RULES else "warning"
