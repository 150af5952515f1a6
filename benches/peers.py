"""The peers: the event loops that are compared, and how a process comes to use one.

`ferraio-loop` is our loop under the names that asyncio has anyway, as somebody gets who only passes a loop
factory. `ferraio` is the whole: `install()` runs before the benchmark is imported, as under `ferraio run`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One way to run asyncio code."""

    name: str
    module: str
    """What is imported; its `new_event_loop` is the loop factory."""
    run_once: str
    """How a user of this peer writes `asyncio.run(main())`."""
    installs: bool = False

    def is_here(self) -> bool:
        return importlib.util.find_spec(self.module) is not None

    def enter(self) -> None:
        """Make this process one of the peer's; comes before the import of a case."""
        module = importlib.import_module(self.module)
        if self.installs:
            module.install()

    @property
    def new_event_loop(self) -> Callable:
        return importlib.import_module(self.module).new_event_loop


PEERS = {
    peer.name: peer
    for peer in (
        Peer("asyncio", "asyncio", "asyncio.run(main())"),
        Peer("uvloop", "uvloop", "uvloop.run(main())"),
        Peer("rloop", "rloop", "asyncio.Runner(loop_factory=rloop.new_event_loop).run(main())"),
        Peer("ferraio-loop", "ferraio", "asyncio.Runner(loop_factory=ferraio.new_event_loop).run(main())"),
        Peer("ferraio", "ferraio", "ferraio.run(main())", installs=True),
    )
}
