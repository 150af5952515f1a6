"""Takes one sample: `python -m benches.sample PEER CASE` answers one case for one peer, as a line of JSON.

This is the fresh process of every sample. The peer is entered before the case is imported, so that names
which a case takes from asyncio are the peer's.
"""

import argparse
import dataclasses
import json

from benches import case as cases
from benches.peers import PEERS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.sample", description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("case")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--operations", type=int, help="perform so many operations and measure nothing")
    wanted = parser.parse_args()

    peer = PEERS[wanted.peer]
    peer.enter()
    cases.load(wanted.case.partition(".")[0])
    case = cases.CASES[wanted.case]
    if wanted.operations is not None:
        case.perform(peer, wanted.operations)
        return
    sample = case.measure(peer, cases.QUICK if wanted.quick else cases.THOROUGH)
    print(json.dumps(dataclasses.asdict(sample)), flush=True)


if __name__ == "__main__":
    main()
