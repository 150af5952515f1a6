"""What ferraio wants to reach, and whether a run shows it: `python -m benches --check`."""

from dataclasses import dataclass

from benches.results import Results

MILLISECOND = 1e6


@dataclass(frozen=True)
class TimesAsFast:
    """Peer `to` needs at least `least` times what ferraio needs."""

    case: str
    to: str
    least: float

    def reached(self, results: Results) -> float | None:
        return results.ratio(self.case, self.to)

    def is_met(self, reached: float) -> bool:
        return round(reached, 2) >= self.least

    def __str__(self) -> str:
        return f"≥ {self.least:.2f} x {self.to}"

    def show(self, reached: float) -> str:
        return f"{reached:.2f} x"


@dataclass(frozen=True)
class AtMost:
    """ferraio needs at most so many nanoseconds more than peer `than`."""

    case: str
    than: str
    most: float

    def reached(self, results: Results) -> float | None:
        ours, theirs = results.median(self.case, "ferraio"), results.median(self.case, self.than)
        return None if ours is None or theirs is None else ours - theirs

    def is_met(self, reached: float) -> bool:
        return reached <= self.most

    def __str__(self) -> str:
        return f"≤ {self.most / MILLISECOND:g} ms above {self.than}"

    def show(self, reached: float) -> str:
        return f"{reached / MILLISECOND:.2f} ms"


@dataclass(frozen=True)
class NotSlowerThanBest:
    """None of the others needs less."""

    case: str

    def reached(self, results: Results) -> float | None:
        found = [results.ratio(self.case, peer) for peer in ("uvloop", "rloop", "aiofastnet")]
        return min((ratio for ratio in found if ratio is not None), default=None)

    def is_met(self, reached: float) -> bool:
        return round(reached, 2) >= 1

    def __str__(self) -> str:
        return "≥ 1.00 x the best"

    def show(self, reached: float) -> str:
        return f"{reached:.2f} x"


Target = TimesAsFast | AtMost | NotSlowerThanBest

# Where `C+Python` itself does not reach a target against uvloop, how near ferraio is to it says more.
#
# A program that uses ferraio imports it as well: the whole process may last longer by what the import may
# take, the run itself by nothing.
TARGETS: tuple[Target, ...] = (
    TimesAsFast("tasks.switch", "uvloop", 4),
    TimesAsFast("tasks.gather", "uvloop", 8),
    TimesAsFast("tasks.task_group", "uvloop", 5),
    TimesAsFast("tasks.sleep", "uvloop", 8),
    TimesAsFast("tasks.ping_pong_1", "uvloop", 3.5),
    TimesAsFast("tasks.ping_pong_100", "uvloop", 3.5),
    TimesAsFast("timers.fire", "uvloop", 3),
    TimesAsFast("timers.cancel", "uvloop", 3),
    TimesAsFast("scheduling.call_soon_batch", "uvloop", 2),
    TimesAsFast("scheduling.call_soon_again", "uvloop", 2),
    TimesAsFast("echo.protocol_1", "uvloop", 1.12),
    TimesAsFast("echo.protocol_10", "uvloop", 1.12),
    TimesAsFast("echo.protocol_100", "uvloop", 1.15),
    TimesAsFast("echo.streams_1", "uvloop", 1.7),
    TimesAsFast("echo.streams_10", "uvloop", 1.7),
    TimesAsFast("echo.streams_100", "uvloop", 1.7),
    TimesAsFast("echo.unix_1", "uvloop", 1.12),
    TimesAsFast("echo.unix_10", "uvloop", 1.12),
    TimesAsFast("echo.unix_100", "uvloop", 1.15),
    TimesAsFast("echo.udp_1", "uvloop", 1.4),
    TimesAsFast("echo.udp_10", "uvloop", 1.4),
    *(TimesAsFast(f"echo.sockets_{size}", "uvloop", 2.2) for size in (1, 10, 100)),
    TimesAsFast("echo.connect_close", "uvloop", 1.2),
    *(TimesAsFast(f"echo.{style}_{size}", "C+Python", 0.9) for style in ("protocol", "unix") for size in (1, 10, 100)),
    *(TimesAsFast(f"echo.udp_{size}", "C+Python", 0.9) for size in (1, 10)),
    *(TimesAsFast(f"echo.streams_{size}", "C+Python", 0.8) for size in (1, 10, 100)),
    TimesAsFast("echo.connect_close", "C+Python", 0.8),
    TimesAsFast("processes.start", "uvloop", 2.9),
    TimesAsFast("processes.communicate", "uvloop", 2.9),
    TimesAsFast("web.uvicorn", "uvloop", 1.1),
    TimesAsFast("tls.protocol_1", "uvloop", 1.25),
    TimesAsFast("tls.protocol_100", "uvloop", 1.15),
    TimesAsFast("memory.waiting", "asyncio", 1),
    TimesAsFast("memory.sleeping", "asyncio", 1),
    AtMost("startup.import_time", "asyncio", 15 * MILLISECOND),
    TimesAsFast("startup.first_run", "asyncio", 1),
    AtMost("startup.whole_process", "asyncio", 15 * MILLISECOND),
)

COMPARED = (
    "scheduling.",
    "timers.",
    "tasks.",
    "synchronization.",
    "echo.",
    "tls.",
    "web.",
    "model_calls.",
    "processes.",
)
"""The groups in which ferraio is never slower than the best of the others."""


def targets_of(results: Results) -> list[Target]:
    compared = [NotSlowerThanBest(case) for case in results.cases if case.startswith(COMPARED)]
    return [*(target for target in TARGETS if target.case in results.cases), *compared]


def check(results: Results) -> tuple[str, bool]:
    """A line for every target, and whether all are met. What was not measured is not met."""
    verdicts = [(target, target.reached(results)) for target in targets_of(results)]
    met = sum(reached is not None and target.is_met(reached) for target, reached in verdicts)
    lines = [_line(target, reached) for target, reached in verdicts]
    return "\n".join([*lines, f"{met} of {len(lines)} targets met"]), met == len(lines)


def _line(target: Target, reached: float | None) -> str:
    if reached is None:
        verdict, shown = "unknown", ""
    else:
        verdict, shown = "met" if target.is_met(reached) else "MISSED", target.show(reached)
    return f"{verdict:8} {target.case:34} {shown:>10}  {target}"
