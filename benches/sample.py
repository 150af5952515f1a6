"""Takes one sample: `python -m benches.sample PEER CASE` answers one case for one peer, as a line of JSON.

This is the fresh process of every sample. The peer is entered before the case is imported, so that names
which a case takes from asyncio are the peer's.
"""

import argparse
import dataclasses
import json
import sys

from benches import case as cases
from benches.peers import PEERS

MY_TURN = "?"
"""Asks for a turn."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.sample", description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("case")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--in-turns", action="store_true", help="before each repeat print a line, and read one")
    parser.add_argument("--operations", type=int, help="perform so many operations and measure nothing")
    wanted = parser.parse_args()

    peer = PEERS[wanted.peer]
    peer.enter()
    cases.load(wanted.case.partition(".")[0])
    case = cases.CASES[wanted.case]
    if wanted.operations is not None:
        case.perform(peer, wanted.operations)
        return
    effort = cases.QUICK if wanted.quick else cases.THOROUGH
    if wanted.in_turns:
        effort = dataclasses.replace(effort, wait_for_turn=ask_for_turn)
    print(json.dumps(dataclasses.asdict(case.measure(peer, effort))), flush=True)


def ask_for_turn() -> None:
    print(MY_TURN, flush=True)
    if not sys.stdin.readline():
        raise SystemExit("nobody gives turns any more")


if __name__ == "__main__":
    main()
