"""Shows results: a table for the terminal, and one in Markdown for the README.

Every column is a peer's median; the last two say how many times ferraio's cost uvloop and asyncio need.
"""

from benches import machine
from benches.results import Results

OURS = "ferraio"
COMPARED_TO = ("uvloop", "asyncio")


def terminal(results: Results) -> str:
    header, *rows = _rows(results)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) if not n else cell.rjust(width) for n, (cell, width) in enumerate(it))
        for it in (zip(row, widths, strict=True) for row in (header, *rows))
    ]
    return "\n".join([machine.sentence(results.machine), "", *lines, *_notes(results)])


def markdown(results: Results) -> str:
    header, *rows = _rows(results)
    columns = ["---", *["---:"] * (len(header) - 1)]
    table = ["| " + " | ".join(row) + " |" for row in (header, columns, *rows)]
    notes = [line for note in _notes(results) for line in ("", note)]
    about = (
        f"{machine.sentence(results.machine)} Medians of {results.content['rounds']} fresh processes of each "
        "loop, taking turns. CPU time per operation; of echo the server's; of startup the wall time."
    )
    return "\n".join([about, "", *table, *notes])


def _rows(results: Results) -> list[list[str]]:
    peers = results.peers
    compared = [other for other in COMPARED_TO if other in peers and OURS in peers]
    rows = [["", *peers, *(f"{other} / {OURS}" for other in compared)]]
    for key, case in results.cases.items():
        medians = [_amount(results.median(key, peer), case["unit"]) for peer in peers]
        ratios = [_times(results.ratio(key, other)) for other in compared]
        rows.append([case["title"], *medians, *ratios])
    return rows


def _notes(results: Results) -> list[str]:
    return [f"{peer} has no figure for {case}: {why}" for case, peer, why in results.failures()]


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    steps = {
        "ns": ((1e6, "ms"), (1e3, "µs"), (1, "ns")),
        "bytes": ((1, "bytes"),),
        "instructions": ((1, ""),),
    }[unit]
    size, name = next((step for step in steps if value >= step[0]), steps[-1])
    digits = 0 if size == 1 or value / size >= 100 else 1 if value / size >= 10 else 2
    return f"{value / size:,.{digits}f} {name}".rstrip()
