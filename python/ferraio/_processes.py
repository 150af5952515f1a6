"""Child processes: how the loop learns of their end.

The system tells by a pidfd, which is watched like any other fd: no thread for each child, no signal. asyncio does the
same from 3.12 on. Who has set a child watcher of another kind, or runs on a system without pidfds, gets asyncio's way.
"""

import functools
import os
import sys
from asyncio.log import logger
from asyncio.tasks import shield
from asyncio.unix_events import _UnixSubprocessTransport

# Names, not modules: one that is kept to the end loses its contents before the last loop is gone.
if sys.version_info < (3, 14):
    from asyncio.events import get_event_loop_policy
    from asyncio.unix_events import PidfdChildWatcher, ThreadedChildWatcher, _UnixDefaultEventLoopPolicy


@functools.cache
def _system_has_pidfds():
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


if sys.version_info >= (3, 14):

    def watches_by_pidfd(loop):
        """Return whether a child of this loop is to be watched by a pidfd: nobody has asked for anything else."""
        return _system_has_pidfds() and type(loop._watcher).__name__ == "_PidfdChildWatcher"

else:

    def watches_by_pidfd(loop):
        """Return whether a child of this loop is to be watched by a pidfd: nobody has asked for anything else."""
        policy = get_event_loop_policy()
        if type(policy).get_child_watcher is not _UnixDefaultEventLoopPolicy.get_child_watcher:
            return False
        usual = policy._watcher is None or type(policy._watcher) in (ThreadedChildWatcher, PidfdChildWatcher)
        return usual and _system_has_pidfds()


class Children:
    """The children of a loop whose end is not known yet."""

    def __init__(self, loop):
        self._loop = loop
        self._transports = {}  # by pidfd

    async def start(self, protocol, *arguments, **options):
        """Start a process; return its transport when its pipes are connected."""
        loop = self._loop
        waiter = loop.create_future()
        transport = _UnixSubprocessTransport(loop, protocol, *arguments, waiter=waiter, **options)
        try:
            pidfd = os.pidfd_open(transport.get_pid())
        except OSError:  # out of fds
            transport.close()
            transport._process_exited(transport._proc.wait())
            waiter.cancel()
            raise
        self._transports[pidfd] = transport
        loop._add_reader(pidfd, self._ended, pidfd)
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await shield(transport._wait())
            raise
        return transport

    def _ended(self, pidfd):
        transport = self._transports.pop(pidfd)
        self._loop._remove_reader(pidfd)
        os.close(pidfd)
        transport._process_exited(_exit_code(transport))

    def forget(self):
        """The loop is closed: nobody will be told of their end."""
        for pidfd in self._transports:
            os.close(pidfd)
        self._transports.clear()


def _exit_code(transport):
    pid = transport.get_pid()
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        # Somebody else was told; most often subprocess.Popen, which then knows.
        known = transport._proc.returncode
        if known is not None:
            return known
        logger.warning("child process pid %d exit status already read: will report returncode 255", pid)
        return 255
    return os.waitstatus_to_exitcode(status)
