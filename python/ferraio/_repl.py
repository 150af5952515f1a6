"""``ferraio repl``: asyncio's interactive console, with top-level ``await``, on a loop of ferraio.

The console is the one of ``python -m asyncio``, whole: prompt, history, completion, Ctrl-C and exit codes are
those of the running Python. It asks asyncio for its loop and, as we are installed, gets ours.
"""

import sys

from ferraio import _script
from ferraio._ferraio import __version__
from ferraio._install import install


def interact() -> None:
    """Run the console until the user leaves it; an exit status other than 0 is raised as SystemExit."""
    install()
    if not sys.flags.quiet:
        print(f"ferraio {__version__}: asyncio's loop, tasks and others are ferraio's here.", file=sys.stderr)
    _script.run_module("asyncio", [])
