"""What can be said of a script before it runs: awaits that are missing in it, or that stand where none can be.

Only where findings are shown to a person. The program runs whatever is found.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ferraio.diagnose import Settings


def tell(script: str) -> None:
    """Show what is certainly wrong with a script on stderr, if this run shows findings. Never raises."""
    if "ferraio.diagnose" not in sys.modules:
        return
    from ferraio import diagnose
    from ferraio.diagnose import reporter

    diagnosis = diagnose.current()
    # A program that reads JSON counts what happens; what is in the source it gets from `ferraio check`.
    if diagnosis is None or not diagnosis.settings.shown or diagnosis.settings.format == "json":
        return
    try:
        for code, line, column, text in _findings(script, diagnosis.settings):
            reporter.write(text)
            # Once it happens, a line is enough.
            reporter.foreseen.add((code, os.path.abspath(script), line, column))
    except Exception as error:
        reporter.give_up(error)


def module_file(name: str) -> str | None:
    """Return the file that ``-m name`` will run, if it is below the current folder; nothing is imported to find out."""
    path = os.path.join(os.getcwd(), *name.split("."))
    candidates = (path + ".py", os.path.join(path, "__main__.py"))
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def _findings(script: str, settings: Settings) -> list[tuple[str, int, int, str]]:
    from ferraio import check
    from ferraio.diagnose import rendering

    return check.check_script(
        script,
        ignore=settings.ignore,
        concise=settings.format == "concise",
        colour=rendering.has_colours(),
    )
