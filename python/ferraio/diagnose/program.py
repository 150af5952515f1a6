"""A whole program under diagnosis: what is found until it ends, one line about the run, and the exit status."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable

from ferraio import diagnose
from ferraio.diagnose import never_awaited, reporter
from ferraio.diagnose.settings import Settings, from_environment


class Observed:
    """Runs a program, diagnosed by FERRAIO or with hints."""

    def __init__(self, output_format: str | None) -> None:
        settings = from_environment(Settings(mode="hint"))
        if output_format is not None:
            settings = dataclasses.replace(settings, format=output_format)
        self._settings = settings

    def __call__(self, enter: Callable[..., None], *arguments: object) -> None:
        """Call `enter`, which runs the program. The diagnosis stays on, for what is collected when the process ends."""
        diagnosis = diagnose.start(self._settings)
        process = os.getpid()
        began, ran = time.perf_counter(), time.process_time()
        failed: BaseException | None = None
        try:
            enter(*arguments)
        except BaseException as error:
            failed = error
            diagnose.explain(error)
            raise
        finally:
            if os.getpid() == process:
                never_awaited.look_at_globals(sys.modules["__main__"])
                failures = diagnosis.failures()
                if self._settings.shown:
                    took, ran = time.perf_counter() - began, time.process_time() - ran
                    reporter.write_summary(took, ran)
                if failures and _is_success(failed):
                    raise SystemExit(1) from None


def _is_success(error: BaseException | None) -> bool:
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))
