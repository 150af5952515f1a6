"""How a finding looks: in full with an excerpt of the source, on one line, or as JSON.

ferraio-report, which the static checker uses too, draws it; here is what it needs to know: the text of the files, and
whether there may be colours.
"""

from __future__ import annotations

import linecache
import os
import sys

from ferraio import _ferraio
from ferraio.diagnose import rules
from ferraio.diagnose.finding import Finding, Place


def render(finding: Finding, form: str) -> str:
    """Return the text for stderr, with its final newline."""
    match form:
        case "json":
            return as_json(finding) + "\n"
        case "concise":
            return concise(finding) + "\n"
        case _:
            return in_full(finding, has_colours()) + "\n\n"


def in_full(finding: Finding, colours: bool) -> str:
    """Return the finding with an excerpt of the source."""
    return _draw(finding, "full", colours)


def as_note(finding: Finding) -> str:
    """Return the text for a note of an exception."""
    return _draw(finding, "full" if finding.place else "concise")


def concise(finding: Finding) -> str:
    """Return the finding on one line."""
    return f"{finding.code} {finding.message}" if finding.place is None else _draw(finding, "concise")


def as_json(finding: Finding) -> str:
    """Return the finding as a JSON object on one line."""
    import json

    shown = json.loads(_draw(finding, "json"))
    shown["function"] = finding.place and finding.place.function
    shown["task"] = finding.task
    if finding.place is None:
        shown |= {"filename": None, "location": None, "end_location": None}
    return json.dumps(shown, ensure_ascii=False)


def _draw(finding: Finding, form: str, colours: bool = False) -> str:
    places = [_described(finding.place or Place("<program>", 1), "")]
    places += [_described(place, label) for place, label in finding.related]
    notes = [*finding.notes, *([f"in task {finding.task}"] if finding.task else [])]
    name, severity = rules.name_of(finding.code), rules.severity_of(finding.code)
    return _ferraio._render(form, finding.code, name, severity, finding.message, places, notes, finding.help, colours)


def _described(place: Place, label: str) -> tuple[str, str, int, int, int | None, int | None, str]:
    text = "".join(linecache.getlines(place.filename))
    path = _short(place.filename)
    return path, text, place.line, place.end_line or place.line, place.column, place.end_column, label


def _short(filename: str) -> str:
    """Return the name of a file as seen from the working directory, if it is in there."""
    try:
        directory = os.getcwd() + os.sep
    except OSError:
        return filename
    return filename.removeprefix(directory)


def has_colours() -> bool:
    """Tell whether stderr is a terminal whose user has not said NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stderr is not None and sys.stderr.isatty())
