"""The peers: the event loops that are compared, and how a process comes to use one.

The last two are no event loops. `C` is the bare server of `echo_limit.c`: there is not much less to be had from this
kernel than what it needs. `C+Python` is the same with the interpreter in it, `echo_floor.c`: a loop can save no more of
that than the new memory for each message.

`aiofastnet` replaces the transports of another loop, here those of uvloop, with which it is fastest. `ferraio-loop` is
our loop under the names that asyncio has anyway, as somebody gets who only passes a loop factory. `ferraio` is the
whole: `install()` runs before the benchmark is imported, as under `ferraio run`.
"""

import fnmatch
import importlib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One way to run asyncio code."""

    name: str
    module: str
    """What is imported; its `new_event_loop` is the loop factory, or its `loop_factory` makes one of another."""
    run_once: str
    """How a user of this peer writes `asyncio.run(main())`."""
    installs: bool = False
    over: str | None = None
    """The module with the loop that it changes."""
    cases: tuple[str, ...] = ("*",)
    """The cases about which it has something to say, as patterns."""

    def is_here(self) -> bool:
        return importlib.util.find_spec(self.module) is not None

    def is_of(self, case: str) -> bool:
        """Has it something to say about this case?"""
        return any(fnmatch.fnmatch(case, pattern) for pattern in self.cases)

    def enter(self) -> None:
        """Make this process one of the peer's; comes before the import of a case."""
        module = importlib.import_module(self.module)
        if self.installs:
            module.install()

    @property
    def new_event_loop(self) -> Callable:
        module = importlib.import_module(self.module)
        if self.over is not None:
            return module.loop_factory(importlib.import_module(self.over).new_event_loop)
        return module.new_event_loop


class BareServer(Peer):
    """No loop at all: a server in C."""

    def is_here(self) -> bool:
        return sys.platform == "linux" and shutil.which("cc") is not None

    def enter(self) -> None:
        pass


BARE = BareServer("C", "", "", cases=("echo.*", "tls.*"))
BARE_PYTHON = BareServer(
    "C+Python",
    "",
    "",
    cases=("echo.protocol*", "echo.streams*", "echo.unix*", "echo.udp_[0-9]*", "echo.connect_close"),
)

PEERS = {
    peer.name: peer
    for peer in (
        Peer("asyncio", "asyncio", "asyncio.run(main())"),
        Peer("uvloop", "uvloop", "uvloop.run(main())"),
        Peer("rloop", "rloop", "asyncio.Runner(loop_factory=rloop.new_event_loop).run(main())"),
        Peer(
            "aiofastnet",
            "aiofastnet",
            "asyncio.Runner(loop_factory=aiofastnet.loop_factory(uvloop.new_event_loop)).run(main())",
            over="uvloop",
            cases=("echo.*", "tls.*", "web.*"),
        ),
        Peer("ferraio-loop", "ferraio", "asyncio.Runner(loop_factory=ferraio.new_event_loop).run(main())"),
        Peer("ferraio", "ferraio", "ferraio.run(main())", installs=True),
        BARE,
        BARE_PYTHON,
    )
}
