"""`python -m benches`: how much asyncio, uvloop, rloop, aiofastnet and ferraio cost, measured side by side.

A *case* (`benches/cases/`) asks one question. A *peer* (`peers.py`) is one way to run asyncio code. A
*sample* (`sample.py`) is the answer of one peer in one fresh process. A *round* takes one sample of every
peer, one after another, so that a slow minute of the machine hits all of them; the median over the rounds is
the result.
"""
