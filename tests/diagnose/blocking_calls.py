"""Calls that block a loop, of all kinds, for the tests of FER002.

Each is an async function; the line that blocks says so in a comment, and the decorator says which cause is to be
reported. It blocks until the test raises `Released` in it, or calls the function that it was decorated to be released
with; what cannot be interrupted ends by itself, after much longer than it takes to be reported.
"""

import contextlib
import fcntl
import hashlib
import inspect
import itertools
import os
import queue
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zlib
from concurrent.futures import Future
from dataclasses import dataclass
from time import sleep
from types import FunctionType
from typing import Any

#: Longer than any test.
FOREVER = 1000

# What `urlopen` would make when it is first called, certificates read: that takes so long that it blocks by itself.
urllib.request.install_opener(urllib.request.build_opener())


class Released(BaseException):
    """The block was reported."""


@dataclass
class Call:
    """A blocking call."""

    function: FunctionType
    cause: str
    #: Can an exception end it, raised by a signal handler?
    interruptible: bool

    @property
    def line(self) -> int:
        lines, first = inspect.getsourcelines(self.function)
        return next(number for number, line in enumerate(lines, first) if "# blocks" in line)


CALLS: dict[str, Call] = {}
#: What releases the call that blocks now, instead of an exception.
releases: list[Any] = []


def blocks(cause, interruptible=True):
    def decorate(function):
        CALLS[function.__name__] = Call(function, cause, interruptible)
        return function

    return decorate


@contextlib.contextmanager
def socket_pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@contextlib.contextmanager
def pipe():
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def listener(backlog=1):
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listening:
        yield listening


@blocks("sleeping")
async def time_sleep():
    sleep(FOREVER)  # blocks


@blocks("sleeping")
async def select_of_nothing():
    select.select([], [], [], FOREVER)  # blocks


@blocks("waiting for a file or socket")
async def select_of_a_socket():
    with socket_pair() as (ours, _):
        select.select([ours], [], [])  # blocks


@blocks("waiting for a file or socket")
async def poll_of_a_socket():
    with socket_pair() as (ours, _):
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        poll.poll()  # blocks


@blocks("reading from a socket")
async def socket_recv():
    with socket_pair() as (ours, _):
        ours.recv(1)  # blocks


@blocks("waiting for a file or socket")
async def socket_recv_with_a_timeout():
    with socket_pair() as (ours, _):
        ours.settimeout(FOREVER)
        ours.recv(1)  # blocks


@blocks("writing to a socket")
async def socket_sendall():
    with socket_pair() as (ours, _):
        ours.sendall(bytes(10_000_000))  # blocks


@blocks("waiting for a connection on a socket")
async def socket_accept():
    with listener() as listening:
        listening.accept()  # blocks


@blocks("connecting a socket")
async def socket_connect():
    with listener(backlog=0) as listening, contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(socket.socket()) for _ in range(4)]
        for each in waiting:  # until nobody is let in any more
            each.setblocking(False)
            each.connect_ex(listening.getsockname())
        with socket.socket() as late:
            late.connect(listening.getsockname())  # blocks


@blocks("reading from a socket")
async def urlopen():
    with listener() as silent:
        urllib.request.urlopen(f"http://127.0.0.1:{silent.getsockname()[1]}/")  # blocks


@blocks("reading from a socket")
async def getaddrinfo():
    def ask(host, port):  # as a resolver does, whose server says nothing
        with socket.socket(type=socket.SOCK_DGRAM) as asking, socket.socket(type=socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            asking.sendto(host.encode(), silent.getsockname())
            asking.recv(512)  # blocks

    ask("example.invalid", 80)


@blocks("reading from a pipe")
async def read_of_a_pipe():
    with pipe() as reader:
        os.read(reader, 1)  # blocks


@blocks("opening a file")
async def opening_a_fifo():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path)
        open(path).close()  # blocks


@blocks("reading from a pipe")
async def input_from_a_pipe():
    with pipe() as reader, open(reader, closefd=False) as stdin:
        before, sys.stdin = sys.stdin, stdin
        try:
            input()  # blocks
        finally:
            sys.stdin = before


@blocks("waiting for the lock of a file")
async def flock():
    with tempfile.NamedTemporaryFile() as held, open(held.name) as wanted:
        fcntl.flock(held, fcntl.LOCK_EX)
        fcntl.flock(wanted, fcntl.LOCK_EX)  # blocks


@blocks("waiting for a child process")
async def subprocess_run():
    subprocess.run(["sleep", str(FOREVER)])  # blocks


@blocks("waiting for a file or socket")
async def subprocess_output():
    subprocess.run(["sleep", str(FOREVER)], capture_output=True)  # blocks


@blocks("waiting for a child process")
async def popen_wait():
    with subprocess.Popen(["sleep", str(FOREVER)]) as child:
        try:
            child.wait()  # blocks
        finally:
            child.kill()


@blocks("waiting for a lock or another thread")
async def lock():
    held = threading.Lock()
    held.acquire()
    with held:  # blocks
        pass


@blocks("waiting for a lock or another thread")
async def event():
    threading.Event().wait()  # blocks


@blocks("waiting for a lock or another thread")
async def queue_get():
    queue.Queue().get()  # blocks


@blocks("waiting for a lock or another thread")
async def future_result():
    Future().result()  # blocks


@blocks("waiting for a lock or another thread")
async def thread_join():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        thread.join()  # blocks
    finally:
        end.set()
        thread.join()


@blocks("sleeping", interruptible=False)
async def sqlite_lock():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "database")
        holder = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        waiter = sqlite3.connect(path, timeout=FOREVER)
        with contextlib.closing(holder), contextlib.closing(waiter):
            holder.execute("begin exclusive")
            releases.append(lambda: holder.execute("rollback"))
            waiter.execute("create table numbers (number)")  # blocks
            waiter.rollback()


@blocks("computing")
async def computing():
    sum(1 for _ in itertools.repeat(None))  # blocks


@blocks("computing", interruptible=False)
async def hashing():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)  # blocks


@blocks("computing", interruptible=False)
async def compressing():
    zlib.compress(os.urandom(1_000_000) * 10, 9)  # blocks
