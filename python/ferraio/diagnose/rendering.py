"""How a finding looks: in full, on one line, or as JSON."""

from __future__ import annotations

import json

from ferraio.diagnose.finding import Finding


def render(finding: Finding, form: str) -> str:
    """Return the text for stderr, with its final newline."""
    match form:
        case "json":
            return as_json(finding) + "\n"
        case "concise":
            return concise(finding) + "\n"
        case _:
            return full(finding) + "\n"


def concise(finding: Finding) -> str:
    """Return the finding on one line, as compilers of old write it."""
    place = "" if finding.place is None else f"{finding.place}: "
    return f"{place}{finding.code} {finding.message}"


def full(finding: Finding) -> str:
    """Return the finding with its notes and its help."""
    lines = [concise(finding)]
    lines += [f"  {place}: {label}" for place, label in finding.related]
    lines += [f"  note: {note}" for note in finding.notes]
    if finding.help is not None:
        lines.append(f"  help: {finding.help}")
    return "\n".join(lines)


def as_json(finding: Finding) -> str:
    """Return the finding as a JSON object on one line."""
    return json.dumps(
        {
            "code": finding.code,
            "message": finding.message,
            "place": _place(finding.place),
            "task": finding.task,
            "notes": finding.notes,
            "help": finding.help,
            "related": [{"place": _place(place), "label": label} for place, label in finding.related],
        },
        ensure_ascii=False,
    )


def _place(place) -> dict[str, object] | None:
    if place is None:
        return None
    return {name: getattr(place, name) for name in ("filename", "line", "function", "column", "end_line", "end_column")}
