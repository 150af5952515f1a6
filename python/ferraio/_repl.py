"""``ferraio repl``: asyncio's interactive console, with top-level ``await``, on a loop of ferraio.

The console is the one of ``python -m asyncio``, whole: prompt, history, completion, Ctrl-C and exit codes are
those of the running Python. It asks asyncio for its loop and, as we are installed, gets ours.
"""

import code
import sys

from ferraio import _diagnosing, _script
from ferraio._ferraio import __version__
from ferraio._install import install


def interact() -> None:
    """Run the console until the user leaves it; an exit status other than 0 is raised as SystemExit."""
    install()
    if not sys.flags.quiet:
        print(f"ferraio {__version__}: asyncio's loop, tasks and others are ferraio's here.", file=sys.stderr)
    _explain_errors()
    _script.run_module("asyncio", [])


def _explain_errors() -> None:
    """Let the console show errors as ever, but explained, if hints are on."""
    show = code.InteractiveInterpreter.showtraceback

    def explain_and_show(console: code.InteractiveInterpreter) -> None:
        error = sys.exception()
        if error is not None:
            _diagnosing.explain(error)
        show(console)

    code.InteractiveInterpreter.showtraceback = explain_and_show  # type: ignore[method-assign]
