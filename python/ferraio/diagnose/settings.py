"""How findings are reported: what ``FERRAIO=hint,slow=0.05`` and ``ferraio.run(main(), diagnose="hint")`` say."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, fields

MODES = ("hint", "strict", "log", "off")
FORMATS = ("full", "concise", "json")


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen. Each field but the mode can be written as ``name=value``."""

    #: hint and strict write to stderr, log makes records of `logging`; strict fails a run that has errors among them.
    mode: str = "log"
    #: How findings look on stderr: full, concise (a line each) or json (an object on a line each).
    format: str = "full"
    #: Codes that are not reported, with `+` between them: ``ignore=FER001+FER006``.
    ignore: frozenset[str] = frozenset()
    #: How many seconds a step may take before the loop counts as blocked.
    slow: float = 0.1

    @property
    def shown(self) -> bool:
        """Whether findings are written to stderr, for a person to read."""
        return self.mode in ("hint", "strict")


def parse(text: str, *, origin: str = "diagnose", defaults: Settings = Settings()) -> Settings:
    """Read settings; what is wrong with them is a ValueError that says so, beginning with their origin."""
    values: dict[str, object] = {}
    for word in text.split(","):
        name, equals, value = (part.strip() for part in word.partition("="))
        if not equals:
            name, read = "mode", _one_of(MODES, name, f"{origin}: {name!r} is not a mode")
        elif name not in _READERS:
            raise ValueError(f"{origin}: there is no setting {name!r}{_did_you_mean(name, _READERS)}")
        else:
            try:
                read = _READERS[name](value)
            except ValueError as error:
                raise ValueError(f"{origin}: {name}={value!r}: {error}") from None
        if name in values:
            raise ValueError(f"{origin}: two values for the {name}: {values[name]} and {read}")
        values[name] = read
    return Settings(**({field.name: getattr(defaults, field.name) for field in fields(Settings)} | values))  # type: ignore[arg-type]


def from_environment(defaults: Settings = Settings()) -> Settings:
    """Read the variable FERRAIO; without it, return the defaults."""
    text = os.environ.get("FERRAIO", "").strip()
    return parse(text, origin="FERRAIO", defaults=defaults) if text else defaults


def _one_of(choices: tuple[str, ...], value: str, refusal: str) -> str:
    if value not in choices:
        raise ValueError(f"{refusal}; choose one of {', '.join(choices)}{_did_you_mean(value, choices)}")
    return value


def _did_you_mean(word: str, choices) -> str:
    close = difflib.get_close_matches(word, list(choices), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def seconds(value: str) -> float:
    """Read a positive number of seconds."""
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise ValueError("a positive number of seconds is wanted, such as 0.05")
    return number


def _codes(value: str) -> frozenset[str]:
    codes = value.upper().split("+")
    for code in codes:
        if not re.fullmatch(r"FER\d{3}", code):
            raise ValueError(f"{code!r} is not a code such as FER001; write + between several")
    return frozenset(codes)


#: How the value of each setting is read.
_READERS = {
    "format": lambda value: _one_of(FORMATS, value, "no such format"),
    "ignore": _codes,
    "slow": seconds,
}
