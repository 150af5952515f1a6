"""Stands for uvloop's compiled module `uvloop.loop` when its tests run on ferraio.

`uvloop_archive.py` puts it in the unpacked archive, so that programs that the tests start find it too. The environment
says what they shall run on: `asyncio` (the stock loop), `loop` (ferraio's) or `installed` (all of ferraio).
"""

import asyncio
import os
import sys
import warnings

mode = os.environ["FERRAIO_UVLOOP_MODE"]
if mode == "asyncio":
    Loop = asyncio.SelectorEventLoop
else:
    import ferraio

    if mode == "installed":
        ferraio.install()
    Loop = ferraio.EventLoop

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
        """uvloop's own policy watches no child processes: its loop does that. asyncio's asks the policy until 3.13."""

        def _loop_factory(self):
            return sys.modules["uvloop"].new_event_loop()


sys.modules["uvloop"].EventLoopPolicy = EventLoopPolicy
