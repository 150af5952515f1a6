"""StreamReader, StreamWriter and StreamReaderProtocol, by themselves and over a connection."""

import asyncio
import gc
import socket
import sys
import weakref

import pytest

EarlyStreamReader = asyncio.StreamReader  # as programs have it that import the name before anything is installed


def reader(limit=64, **options):
    return asyncio.StreamReader(limit=limit, loop=asyncio.get_running_loop(), **options)


class Transport(asyncio.Transport):
    """Notes what it is told."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")

    def write(self, data):
        self.calls.append(data)

    def is_closing(self):
        return "close" in self.calls

    def close(self):
        self.calls.append("close")


async def waits(awaitable):
    """Starts a task, and shows that it has to wait."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(0)
    assert not task.done()
    return task


def test_what_is_there_is_read_at_once(run):
    async def main():
        stream = reader()
        stream.feed_data(b"abcdef")
        assert await stream.read(2) == b"ab"
        assert await stream.readexactly(3) == b"cde"
        assert await stream.read(100) == b"f"
        assert await stream.read(0) == b""
        assert await stream.readexactly(0) == b""

    run(main)


def test_a_message_that_is_read_as_a_whole_is_not_copied(run):
    async def main():
        stream = reader()
        message = b"a message of its own"
        stream.feed_data(message)
        assert await stream.read(1000) == message
        stream.feed_data(message)
        assert await stream.readexactly(len(message)) == message
        assert stream._buffer == b""

    run(main)


@pytest.mark.parametrize("method", ["read", "readexactly", "readline"])
def test_a_read_waits_for_data(run, method):
    async def main():
        stream = reader()
        arguments = () if method == "readline" else (4,)
        task = await waits(getattr(stream, method)(*arguments))
        stream.feed_data(b"abc\nde")
        assert await task == b"abc\n"
        assert stream._waiter is None
        assert stream._buffer == b"de"

    run(main)


def test_what_a_read_waits_for_has_nothing_of_the_read_before(run):
    async def main():
        stream = reader()
        weak = []
        for remember in False, True, False:
            task = await waits(stream.read(10))
            waiter = stream._waiter
            assert (waiter._state, waiter._result, hasattr(waiter, "own_attribute")) == ("PENDING", None, False)
            assert weakref.getweakrefcount(waiter) == 0
            waiter.own_attribute = "anything"
            if remember:
                weak.append(weakref.ref(waiter))
            del waiter
            stream.feed_data(b"abc")
            assert await task == b"abc"
            del task
            assert [reference() for reference in weak] == [None] * len(weak)

    run(main)


def test_a_waiter_that_somebody_keeps_stays_what_it_is(run):
    async def main():
        stream = reader()
        waiters = []
        for _ in range(3):
            task = await waits(stream.read(10))
            waiters.append(stream._waiter)
            stream.feed_data(b"abc")
            assert await task == b"abc"
        assert [waiter._state for waiter in waiters] == ["FINISHED"] * 3
        assert len({*waiters}) == 3

    run(main)


def test_a_read_after_one_that_failed_or_was_cancelled_waits_anew(run):
    async def main():
        stream = reader()
        cancelled = await waits(stream.read(10))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        failed = await waits(stream.read(10))
        stream._waiter.set_exception(LookupError("of the test"))
        with pytest.raises(LookupError):
            await failed
        task = await waits(stream.read(10))
        stream.feed_data(b"abc")
        assert await task == b"abc"

    run(main)


def test_pieces_are_put_together(run):
    async def main():
        stream = reader()
        exactly = await waits(stream.readexactly(6))
        for piece in b"a", b"bc", b"def":
            stream.feed_data(piece)
            await asyncio.sleep(0)
        assert await exactly == b"abcdef"
        line = await waits(stream.readline())
        for piece in b"one ", b"", b"line", b"\nrest":
            stream.feed_data(piece)
            await asyncio.sleep(0)
        assert await line == b"one line\n"
        assert await stream.readuntil(b"t") == b"rest"

    run(main)


def test_lines_one_after_the_other(run):
    async def main():
        stream = reader()
        stream.feed_data(b"one\ntwo\n\nfour")
        assert [await stream.readline() for _ in range(3)] == [b"one\n", b"two\n", b"\n"]
        task = await waits(stream.readline())
        stream.feed_eof()
        assert await task == b"four"
        assert await stream.readline() == b""
        assert stream.at_eof()

    run(main)


def test_lines_and_other_reads_can_be_mixed(run):
    async def main():
        stream = reader()
        stream.feed_data(b"a: 3\nxyzb: 2\nuv")
        assert await stream.readline() == b"a: 3\n"
        assert await stream.readexactly(3) == b"xyz"
        assert await stream.readuntil(b": ") == b"b: "
        assert await stream.readline() == b"2\n"
        assert await stream.read(100) == b"uv"

    run(main)


def test_the_buffer_can_be_looked_at_and_changed(run):
    async def main():
        stream = reader()
        stream.feed_data(b"abc")
        assert stream._buffer == bytearray(b"abc")
        stream._buffer[:1] = b"xy\n"
        assert await stream.readline() == b"xy\n"
        stream._buffer.extend(b"d\n")
        assert await stream.readline() == b"bcd\n"

    run(main)


def test_the_end_of_the_stream(run):
    async def main():
        stream = reader()
        task = await waits(stream.read(10))
        stream.feed_eof()
        assert await task == b""
        assert await stream.read(10) == await stream.read() == b""
        other = reader()
        other.feed_data(b"abc")
        task = await waits(other.readexactly(5))
        other.feed_eof()
        with pytest.raises(asyncio.IncompleteReadError) as error:
            await task
        assert (error.value.partial, error.value.expected) == (b"abc", 5)
        with pytest.raises(AssertionError):
            other.feed_data(b"more")

    run(main)


def test_all_until_the_end(run):
    async def main():
        stream = reader(limit=2)
        stream.feed_data(b"abcde")
        task = await waits(stream.read())
        stream.feed_data(b"fg")
        stream.feed_eof()
        assert await task == b"abcdefg"

    run(main)


def test_an_exception_ends_all_reads(run):
    async def main():
        stream = reader()
        error = ConnectionResetError("gone")
        task = await waits(stream.read(10))
        stream.set_exception(error)
        assert stream.exception() is error
        for awaitable in task, stream.read(1), stream.readexactly(1), stream.readline(), stream.read(-1):
            with pytest.raises(ConnectionResetError) as caught:
                await awaitable
            assert caught.value is error

    run(main)


def test_two_at_once_are_refused(run):
    async def main():
        stream = reader()
        first = await waits(stream.read(10))
        for method, awaitable in [
            ("read", stream.read(1)),
            ("readexactly", stream.readexactly(1)),
            ("readuntil", stream.readline()),
        ]:
            message = rf"{method}\(\) called while another coroutine is already waiting"
            with pytest.raises(RuntimeError, match=message):
                await awaitable
        stream.feed_data(b"x")
        assert await first == b"x"

    run(main)


def test_a_cancelled_read_takes_nothing(run):
    async def main():
        stream = reader()
        task = await waits(stream.read(10))
        task.cancel()
        stream.feed_data(b"kept")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await stream.read(10) == b"kept"

    run(main)


def test_too_long_a_line(run):
    async def main():
        stream = reader(limit=4)
        stream.feed_data(b"123456\nok\n")
        with pytest.raises(ValueError, match="chunk is longer than limit"):
            await stream.readline()
        assert await stream.readline() == b"ok\n"
        task = await waits(stream.readline())
        stream.feed_data(b"123456")
        with pytest.raises(ValueError, match="chunk exceed the limit"):
            await task
        stream.feed_data(b"1234\n")
        assert await stream.readline() == b"1234\n"

    run(main)


def test_the_transport_is_paused_and_resumed(run):
    async def main():
        stream = reader(limit=4)
        transport = Transport()
        stream.set_transport(transport)
        stream.feed_data(b"12345678")
        assert transport.calls == []
        stream.feed_data(b"9")
        assert transport.calls == ["pause"]
        assert await stream.read(3) == b"123"
        assert transport.calls == ["pause"]
        assert await stream.readexactly(2) == b"45"
        assert transport.calls == ["pause", "resume"]
        stream.feed_data(b"x" * 20)
        task = await waits(stream.readexactly(30))
        assert transport.calls == ["pause", "resume"] * 2
        stream.feed_data(b"y" * 6)
        assert len(await task) == 30

    run(main)


def test_who_wants_nothing_resumes_nothing(run):
    async def main():
        stream = reader(limit=4)
        transport = Transport()
        stream.set_transport(transport)
        stream.feed_data(b"123456789")
        stream.feed_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await stream.readexactly(30)
        assert await stream.readexactly(0) == b""
        assert await stream.read(0) == b""
        assert transport.calls == ["pause"]
        assert await stream.read(1) == b""
        assert transport.calls == ["pause", "resume"]

    run(main)


def test_a_transport_that_cannot_pause_is_left_alone(run):
    async def main():
        stream = reader(limit=1)
        stream.set_transport(asyncio.Transport())
        stream.feed_data(b"1234")
        stream.feed_data(b"5678")
        assert await stream.read(10) == b"12345678"

    run(main)


@pytest.mark.parametrize("wrong", ["text", 3, [b"x"]], ids=repr)
def test_feeding_something_else_is_a_type_error(run, wrong):
    async def main():
        with pytest.raises(TypeError):
            reader().feed_data(wrong)

    run(main)


def test_wrong_arguments(run):
    async def main():
        stream = reader()
        stream.feed_data(b"abc")
        with pytest.raises(ValueError, match="readexactly size can not be less than zero"):
            await stream.readexactly(-1)
        for attempt in lambda: stream.read("x"), lambda: stream.readexactly(None), stream.readexactly:
            with pytest.raises(TypeError):
                await attempt()
        with pytest.raises(ValueError, match="Limit cannot be <= 0"):
            reader(limit=0)
        assert await stream.read(n=3) == b"abc"

    run(main)


def test_overridden_methods_are_called(run):
    class Counts(asyncio.StreamReader):
        waits = 0

        async def _wait_for_data(self, func_name):
            self.waits += 1
            await super()._wait_for_data(func_name)

    async def main():
        stream = Counts(loop=asyncio.get_running_loop())
        for method in "read", "readexactly", "readline":
            arguments = () if method == "readline" else (2,)
            task = await waits(getattr(stream, method)(*arguments))
            stream.feed_data(b"x\n")
            assert await task == b"x\n"
        assert stream.waits == 3

    run(main)


def test_a_reader_of_before_the_installation_is_a_reader(run):
    async def main():
        loop = asyncio.get_running_loop()
        early = EarlyStreamReader(loop=loop)
        assert isinstance(early, asyncio.StreamReader)
        protocol = asyncio.StreamReaderProtocol(early, loop=loop)
        writer = asyncio.StreamWriter(Transport(), protocol, early, loop)
        protocol.data_received(b"x")
        assert await early.read(1) == b"x"
        await writer.drain()
        writer.close()

    run(main)


def test_a_reader_in_a_cycle_is_collected(run):
    async def main():
        stream = reader()
        stream.waiting = stream.read(10)
        stream.waiting.send(None)
        dead = weakref.ref(stream)
        del stream
        gc.collect()
        assert dead() is None

    run(main)


def test_a_protocol_whose_reader_is_gone_drops_what_arrives(run):
    async def main():
        stream = reader()
        protocol = asyncio.StreamReaderProtocol(stream)
        protocol.data_received(b"x")
        assert await stream.read(1) == b"x"
        del stream
        gc.collect()
        protocol.data_received(b"y")

    run(main)


def test_drain_waits_while_the_protocol_is_paused(run):
    async def main():
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(None, loop=loop)
        writer = asyncio.StreamWriter(Transport(), protocol, None, loop)
        writer.write(b"x")
        assert writer.transport.calls == [b"x"]
        await writer.drain()
        protocol.pause_writing()
        task = await waits(writer.drain())
        protocol.resume_writing()
        await task
        protocol.connection_lost(None)
        with pytest.raises(ConnectionResetError, match="Connection lost"):
            await writer.drain()
        writer.close()

    run(main)


def test_drain_raises_what_the_reader_met(run):
    async def main():
        loop = asyncio.get_running_loop()
        stream = reader()
        writer = asyncio.StreamWriter(Transport(), asyncio.StreamReaderProtocol(stream), stream, loop)
        stream.set_exception(BrokenPipeError())
        with pytest.raises(BrokenPipeError):
            await writer.drain()
        writer.close()

    run(main)


def test_methods_patched_on_transport_and_protocol_are_called(run):
    async def main():
        ours, peer = socket.socketpair()
        _stream, writer = await asyncio.open_connection(sock=ours)
        written, received = [], asyncio.get_running_loop().create_future()
        writer.transport.write = written.append
        writer.write(b"x")
        assert written == [b"x"]
        writer.transport.get_protocol().data_received = received.set_result
        peer.sendall(b"y")
        assert await received == b"y"
        writer.close()
        peer.close()

    run(main)


def test_a_conversation_with_back_pressure(run):
    data = bytes(range(256)) * 8192

    async def main():
        async def echo(stream, writer):
            while chunk := await stream.read(100_000):
                writer.write(chunk)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            stream, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

            async def send():
                for start in range(0, len(data), 50_000):
                    writer.write(data[start : start + 50_000])
                    await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            assert await stream.readexactly(1000) == data[:1000]
            assert await stream.read() == data[1000:]
            await sending
            writer.close()
            await writer.wait_closed()

    run(main)


def test_a_loop_over_a_stream_gets_its_lines(run):
    async def main():
        stream = reader()
        stream.feed_data(b"one\ntwo\nth")
        stream.feed_data(b"ree")
        stream.feed_eof()
        assert [line async for line in stream] == [b"one\n", b"two\n", b"three"]

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="up to 3.12 there is but one separator")
def test_the_first_of_several_separators_ends_a_read(run):
    async def main():
        stream = reader()
        stream.feed_data(b"a;b\r\nc\nd")
        separators = (b"\r\n", b"\n", b";")
        assert [await stream.readuntil(separators) for _ in range(3)] == [b"a;", b"b\r\n", b"c\n"]
        task = await waits(stream.readuntil(separators))
        stream.feed_data(b"e\r")
        await asyncio.sleep(0)
        assert not task.done()
        stream.feed_data(b"\nf")
        assert await task == b"de\r\n"
        stream.feed_data(b"ab")
        assert await stream.readuntil((b"fab", b"b")) == b"fab"
        with pytest.raises(ValueError, match="Separator should contain at least one element"):
            await stream.readuntil(())
        with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
            await stream.readuntil((b"x", b""))

    run(main)


def test_what_dribbles_in_by_single_bytes_is_read_all_the_same(run):
    async def main():
        async def dribble(_, writer):
            for byte in b"a line\n" + bytes(100) + b"key: value;end":
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            writer.close()

        async with await asyncio.start_server(dribble, "127.0.0.1", 0) as server:
            stream, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await stream.readline() == b"a line\n"
            assert await stream.readexactly(100) == bytes(100)
            assert await stream.readuntil(b": ") == b"key: "
            assert await stream.readuntil(b";") == b"value;"
            assert await stream.read() == b"end"
            writer.close()
            await writer.wait_closed()

    run(main)


def test_a_protocol_of_streams_may_be_subclassed(run):
    class Counting(asyncio.StreamReaderProtocol):
        received = 0
        ended = False

        def data_received(self, data):
            self.received += len(data)
            super().data_received(data)

        def eof_received(self):
            self.ended = True
            return super().eof_received()

    class Shouting(asyncio.StreamWriter):
        def write(self, data):
            super().write(data.upper())

    async def main():
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        far.setblocking(False)
        stream = asyncio.StreamReader(loop=loop)
        transport, protocol = await loop.create_connection(lambda: Counting(stream, loop=loop), sock=near)
        writer = Shouting(transport, protocol, stream, loop)
        writer.write(b"hello")
        await writer.drain()
        assert await loop.sock_recv(far, 100) == b"HELLO"
        far.send(b"line\nrest")
        far.shutdown(socket.SHUT_WR)
        assert await stream.readline() == b"line\n"
        assert await stream.read() == b"rest"
        assert (protocol.received, protocol.ended) == (9, True)
        writer.close()
        await writer.wait_closed()
        far.close()

    run(main)
