"""The results of a run: what is kept in the JSON file, and the ratios taken from it.

The file holds `machine`, `rounds` and `cases`; each case has its `title`, `question`, `unit` and `peers`; each peer has
`median`, `min`, `max`, `samples` and `also`, or `failed`: why.
"""

import json
import statistics
from pathlib import Path

from benches.case import Sample


def figures(samples: list[Sample]) -> dict[str, object]:
    values = [sample.value for sample in samples]
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "samples": values,
        "also": {name: statistics.median(sample.also[name] for sample in samples) for name in samples[0].also},
    }


class Results:
    """A run, finished or read back."""

    def __init__(self, content: dict) -> None:
        self.content = content

    @classmethod
    def read(cls, path: Path) -> "Results":
        return cls(json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.content, indent=1, ensure_ascii=False) + "\n")

    @property
    def machine(self) -> dict:
        return self.content["machine"]

    @property
    def cases(self) -> dict[str, dict]:
        return self.content["cases"]

    @property
    def peers(self) -> list[str]:
        """Every peer with a figure, in the order in which they ran."""
        return list(dict.fromkeys(peer for case in self.cases.values() for peer in case["peers"]))

    def median(self, case: str, peer: str) -> float | None:
        return self._figures(case, peer).get("median")

    def ratio(self, case: str, to: str, peer: str = "ferraio") -> float | None:
        """How many times as much `to` needs as `peer` does, in the median of the rounds: each disturbs both alike."""
        theirs, ours = (self._figures(case, one).get("samples") for one in (to, peer))
        return statistics.median(a / b for a, b in zip(theirs, ours, strict=True)) if theirs and ours else None

    def _figures(self, case: str, peer: str) -> dict:
        return self.cases.get(case, {}).get("peers", {}).get(peer, {})

    def failures(self) -> list[tuple[str, str, str]]:
        """Case, peer, and why it has no figure."""
        return [
            (key, peer, found["failed"])
            for key, case in self.cases.items()
            for peer, found in case["peers"].items()
            if "failed" in found
        ]
