"""Streams: the Rust halves of reader, writer and protocol, over asyncio's own classes for the rest."""

from asyncio import streams

from ferraio import _ferraio

_Original = streams.StreamReader


class _CountsTheOriginal(type):
    """Makes asyncio's own readers count as readers: both generations of the name may meet in a program."""

    def __instancecheck__(cls, instance):
        if cls is StreamReader:
            return isinstance(instance, _Original)
        return super().__instancecheck__(instance)


class StreamReader(_ferraio.StreamReader, streams.StreamReader, metaclass=_CountsTheOriginal):
    """What arrives, to be awaited: `asyncio.StreamReader`, with its hot half in Rust.

    See https://docs.python.org/3/library/asyncio-stream.html#asyncio.StreamReader
    """


class StreamReaderProtocol(_ferraio.StreamReaderProtocol, streams.StreamReaderProtocol):
    """From the transport to the reader: `asyncio.StreamReaderProtocol`, with its hot half in Rust."""

    # The Rust half, like every class in C, has a finaliser that would hide it.
    __del__ = streams.StreamReaderProtocol.__del__


class StreamWriter(_ferraio.StreamWriter, streams.StreamWriter):
    """What is to be sent: `asyncio.StreamWriter`, with its hot half in Rust.

    See https://docs.python.org/3/library/asyncio-stream.html#asyncio.StreamWriter
    """

    # What asyncio's __init__ sets and the Rust half does not have: without a dict of its own, an object's methods are
    # found faster.
    __slots__ = ("_complete_fut",)

    if hasattr(streams.StreamWriter, "__del__"):
        # The Rust half, like every class in C, has a finaliser that would hide it.
        __del__ = streams.StreamWriter.__del__
