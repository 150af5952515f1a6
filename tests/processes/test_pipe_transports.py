"""What the transports of pipes do beside passing bytes on: how they end, what they report and what they say."""

import asyncio
import contextvars
import gc
import logging
import os
import pty
import socket
import tty
import warnings

import pytest
from pipe_ends import fill, read_from, write_to
from recording import Notes, Recorder


@pytest.fixture
def pipes(play, problems):
    """Runs `story(reading, reader, writing, writer)` over a pipe, and closes what it leaves open."""

    def run_story(story, **options):
        async def main():
            problems.of_this_loop()
            near, far = os.pipe()
            reading, reader = await read_from(near)
            writing, writer = await write_to(far)
            result = await story(reading, reader, writing, writer)
            writing.close()
            reading.close()
            await writer.lost
            await reader.lost
            return result

        return play(main, **options)

    return run_story


@pytest.fixture(params=[read_from, write_to], ids=["reading", "writing"])
def abandoned(request, new_loop):
    """The transport of one end of a pipe, as the only item of a list, whose loop is closed."""
    loop = new_loop()
    near, far = os.pipe()
    fd, other = (near, far) if request.param is read_from else (far, near)
    alone = [loop.run_until_complete(request.param(fd))[0]]
    loop.close()
    yield alone
    os.close(other)


def test_they_are_asyncio_transports(pipes):
    async def story(reading, reader, writing, writer):
        assert isinstance(reading, asyncio.ReadTransport)
        assert not isinstance(reading, asyncio.WriteTransport)
        assert isinstance(writing, asyncio.WriteTransport)
        assert reading.max_size == 256 * 1024
        assert writing.can_write_eof()
        for transport, protocol in [(reading, reader), (writing, writer)]:
            assert transport.get_protocol() is protocol
            assert transport._pipe is transport.get_extra_info("pipe")
            assert transport._fileno == transport._pipe.fileno()
            assert not transport._pipe.closed
            assert transport.get_extra_info("socket", "none") == "none"

    pipes(story)


def test_they_say_what_they_are_and_how_far_they_have_come(pipes):
    async def story(reading, reader, writing, writer):
        def said(transport):
            name = type(transport).__name__
            return repr(transport).replace(name, "T").replace(f"fd={transport._fileno}", "fd=N")

        assert said(reading) == "<T fd=N polling>"
        reading.pause_reading()
        assert said(reading) == "<T fd=N idle>"
        assert said(writing) == "<T fd=N idle bufsize=0>"
        fill(writing)
        assert said(writing) == f"<T fd=N polling bufsize={writing.get_write_buffer_size()}>"
        assert len(writing._buffer) == writing.get_write_buffer_size()
        assert type(writing._buffer) is bytearray
        writing.abort()
        assert said(writing) == "<T closing fd=N idle bufsize=0>"
        reading.close()
        assert said(reading) == "<T closing fd=N idle>"
        await writer.lost
        await reader.lost
        assert said(reading) == said(writing) == "<T closed fd=N closed>"

    pipes(story)


def test_the_pipe_is_closed_in_a_later_turn(pipes):
    async def story(reading, reader, writing, writer):
        for transport, protocol in [(writing, writer), (reading, reader)]:
            pipe = transport._pipe
            transport.close()
            transport.close()
            assert transport.is_closing()
            assert not pipe.closed
            assert "connection_lost" not in protocol.names
            await protocol.lost
            await asyncio.sleep(0)
            assert pipe.closed
            assert transport._pipe is transport.get_protocol() is None

    pipes(story)


def test_what_waits_is_written_before_the_pipe_is_closed(pipes):
    async def story(reading, reader, writing, writer):
        reading.pause_reading()
        fill(writing)
        writing.write(b"the end")
        writing.write_eof()
        writing.write(b"too late")
        assert writing.is_closing()
        for _ in range(3):
            await asyncio.sleep(0)
        assert "connection_lost" not in writer.names
        reading.resume_reading()
        assert await reader.lost is None
        assert reader.data.lstrip(b"x") == b"the end"

    pipes(story)


def test_nobody_reads_what_waits_at_the_end(play):
    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far)
        fill(writing)
        writing.close()
        os.close(near)
        assert isinstance(await writer.lost, BrokenPipeError)

    play(main)


def test_many_small_chunks_wait_and_are_written_in_order(pipes):
    async def story(reading, reader, writing, writer):
        reading.pause_reading()
        fill(writing)
        waiting = writing.get_write_buffer_size()
        writing.set_write_buffer_limits(high=waiting + 10)
        numbers = b"".join(b"%06d\n" % number for number in range(5000))
        for number in range(5000):
            writing.write(b"%06d\n" % number)
        writing.writelines([b"one ", bytearray(b"two "), memoryview(b"three")])
        assert writing.get_write_buffer_size() == waiting + len(numbers) + 13
        assert writer.names[-1] == "pause_writing"
        reading.resume_reading()
        await writer.until(lambda: writer.names[-1] == "resume_writing")
        assert writing.get_write_buffer_size() == 0
        writing.close()
        await reader.lost
        assert reader.data.lstrip(b"x") == numbers + b"one two three"

    pipes(story)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_what_is_written_in_resume_writing_is_not_lost_by_closing(play):
    """In asyncio it is, if the pipe is full again."""

    class More(Notes):
        def resume_writing(self):
            super().resume_writing()
            self.transport.write(b"more")
            self.transport.close()

    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far, More)
        writing.set_write_buffer_limits(high=0)
        fill(writing)
        _, reader = await read_from(near)
        assert await writer.lost is None
        await reader.lost
        assert reader.data.lstrip(b"x") == b"more"

    play(main)


def test_who_writes_too_late_is_warned_in_time(pipes, caplog):
    async def story(reading, reader, writing, writer):
        writing.close()
        for _ in range(5):
            writing.write(b"too late")
        assert [record.getMessage() for record in caplog.records] == []
        writing.write(b"")
        writing.write(b"too late")
        assert [record.getMessage() for record in caplog.records] == [
            "pipe closed by peer or os.write(pipe, data) raised exception."
        ]
        assert writing._conn_lost == 6

    pipes(story)


def test_a_failed_write_ends_the_transport(play, problems):
    async def main():
        problems.of_this_loop()
        writing, writer = await write_to(os.open(os.devnull, os.O_RDONLY))
        writing.write(b"data")
        assert writing.is_closing()
        assert writing._conn_lost == 1
        assert (await writer.lost).errno == 9

    play(main)
    assert problems == []


@pytest.mark.parametrize("data", ["text", None, [1, 2]], ids=repr)
def test_only_bytes_are_written(pipes, data):
    async def story(reading, reader, writing, writer):
        with pytest.raises(AssertionError) as caught:
            writing.write(data)
        assert str(caught.value) == repr(data)
        writing.write(b"bytes")
        await reader.received(5)

    pipes(story)


def test_memory_with_gaps_is_an_error_that_is_reported(pipes, problems):
    async def story(reading, reader, writing, writer):
        writing.write(memoryview(b"abcdef")[::2])
        assert isinstance(await writer.lost, BufferError)

    pipes(story)
    [problem] = problems
    assert problem["message"] == "Fatal write error on pipe transport"
    assert isinstance(problem["exception"], BufferError)


def test_an_exception_of_data_received_is_reported_and_reading_goes_on(play, problems):
    class Fails(Recorder):
        def data_received(self, data):
            super().data_received(data)
            if data == b"first":
                raise RuntimeError("no")

    async def main():
        problems.of_this_loop()
        near, far = os.pipe()
        _, reader = await read_from(near, Fails)
        os.write(far, b"first")
        await reader.received(5)
        os.write(far, b"second")
        await reader.received(11)
        os.close(far)
        assert await reader.lost is None

    play(main)
    [problem] = problems
    assert str(problem["exception"]) == "no"
    assert "_read_ready" in problem["message"]


@pytest.mark.parametrize("name", ["connection_made", "eof_received", "connection_lost"])
def test_other_exceptions_of_a_protocol_are_reported_and_the_pipe_closed(play, problems, name):
    def fail(self, *arguments):
        getattr(Recorder, name)(self, *arguments)
        raise RuntimeError("no")

    async def main():
        problems.of_this_loop()
        near, far = os.pipe()
        reading, reader = await read_from(near, type("Fails", (Recorder,), {name: fail}))
        os.close(far)
        await reader.lost
        await asyncio.sleep(0)
        assert reading._pipe is None

    play(main)
    assert [str(problem["exception"]) for problem in problems] == ["no"]


def test_an_error_of_reading_is_reported(play, problems):
    async def main():
        problems.of_this_loop()
        # A socket that listens is readable when somebody connects, and cannot be read.
        listening = socket.create_server(("127.0.0.1", 0))
        address = listening.getsockname()
        reading, reader = await read_from(listening.detach())
        with socket.create_connection(address):
            error = await reader.lost
        assert isinstance(error, OSError)
        [problem] = problems
        assert problem["message"] == "Fatal read error on pipe transport"
        assert problem["exception"] is error
        assert problem["transport"] is reading
        assert problem["protocol"] is reader

    play(main)


def test_the_end_of_a_terminal_is_nothing_to_report(play, problems):
    async def main():
        problems.of_this_loop()
        near, far = pty.openpty()
        _, reader = await read_from(near)
        os.close(far)
        assert (await reader.lost).errno == 5

    play(main)
    assert problems == []


def test_both_directions_of_one_terminal(play):
    async def main():
        near, far = pty.openpty()
        tty.setraw(far)
        reading, reader = await read_from(near)
        loop = asyncio.get_running_loop()
        writing, writer = await loop.connect_write_pipe(Notes, os.fdopen(near, "wb", buffering=0, closefd=False))
        writing.write(b"question")
        assert os.read(far, 100) == b"question"
        os.write(far, b"answer")
        await reader.received(6)
        sent = 0
        while not writing.get_write_buffer_size():
            writing.write(b"x" * 1000)
            sent += 1000
        os.write(far, b" again")
        await reader.received(12)
        while sent:
            sent -= len(os.read(far, sent))
            await asyncio.sleep(0)
        reading.pause_reading()
        writing.write(b"the end")
        assert os.read(far, 100) == b"the end"
        reading.resume_reading()
        os.write(far, b" and again")
        assert await reader.received(22) == b"answer again and again"
        writing.close()
        await writer.lost
        reading.close()
        await reader.lost
        os.close(far)

    play(main)


def test_reading_paused_and_resumed_in_data_received(play):
    class Slow(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()
            self.transport.pause_reading()

    async def main():
        near, far = os.pipe()
        reading, reader = await read_from(near, Slow)
        for size in (3, 6):
            os.write(far, b"abc")
            await reader.received(size)
            os.write(far, b"!!!")
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(reader.data) == size
            assert os.read(near, 3) == b"!!!"
            reading.resume_reading()
            reading.resume_reading()
        os.close(far)
        await reader.lost
        reading.pause_reading()
        reading.resume_reading()

    play(main)


def test_a_protocol_that_closes_in_connection_made_reads_nothing(play):
    class Closes(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.close()

    async def main():
        near, far = os.pipe()
        os.write(far, b"data")
        _, reader = await read_from(near, Closes)
        assert await reader.lost is None
        assert reader.names == ["connection_made", "connection_lost"]
        os.close(far)

    # In debug mode, asyncio asks the closed pipe for its fd, to log it.
    play(main, debug=False)


def test_callbacks_run_in_the_context_in_which_the_transport_was_made(play):
    variable = contextvars.ContextVar("variable", default="none")
    seen = []

    class Notices(Recorder):
        def _note(self, *call):
            seen.append((call[0], variable.get()))
            super()._note(*call)

    async def main():
        near, far = os.pipe()
        variable.set("mine")
        _, reader = await read_from(near, Notices)
        variable.set("other")
        os.write(far, b"data")
        await reader.received(4)
        os.close(far)
        await reader.lost

    play(main)
    assert seen == [(name, "mine") for name in ("connection_made", "data_received", "eof_received", "connection_lost")]


def test_the_protocol_can_be_exchanged(pipes):
    async def story(reading, reader, writing, writer):
        first, second = Recorder(), Recorder()
        reading.set_protocol(first)
        writing.write(b"one")
        await first.received(3)
        reading.set_protocol(second)
        writing.write(b"two")
        assert await second.received(3) == b"two"
        assert (first.data, reader.data) == (b"one", b"")
        reading.set_protocol(reader)

    pipes(story)


def test_debug_mode_tells_what_happens(pipes, caplog):
    caplog.set_level(logging.DEBUG, "asyncio")

    async def story(reading, reader, writing, writer):
        caplog.clear()
        reading.pause_reading()
        reading.resume_reading()
        writing.close()
        await reader.lost
        texts = [record.getMessage().split("> ")[1] for record in caplog.records if "> " in record.getMessage()]
        assert texts[:3] == ["pauses reading", "resumes reading", "was closed by peer"]

    pipes(story, debug=True)


def test_an_unclosed_transport_warns_and_closes_its_pipe(abandoned):
    fd, said = abandoned[0]._fileno, repr(abandoned[0])
    assert said.endswith(f" fd={fd} open>")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        abandoned.clear()
        gc.collect()
    texts = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    assert [text for text in texts if text.startswith("unclosed transport")] == [f"unclosed transport {said}"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_pipe_that_was_taken_away_is_left_alone(abandoned):
    with abandoned[0]._pipe as pipe, warnings.catch_warnings():
        warnings.simplefilter("error")
        abandoned[0]._pipe = None
        assert abandoned[0]._pipe is None
        abandoned.clear()
        gc.collect()
        assert os.fstat(pipe.fileno())


@pytest.mark.loop_kinds("ferraio")
def test_what_is_no_pipe_of_a_loop_of_ours_is_refused(new_loop):
    from ferraio._transports import ReadPipeTransport, WritePipeTransport

    loop = new_loop()
    for cls in (ReadPipeTransport, WritePipeTransport):
        with pytest.raises(TypeError, match=f"{cls.__name__}\\(\\) takes a loop, a pipe and a protocol"):
            cls(loop, None, None)
        with pytest.raises(TypeError, match=r"loop must be a ferraio\.EventLoop, not object"):
            cls(object(), object(), asyncio.Protocol())
        with pytest.raises(AttributeError, match="fileno"):
            cls(loop, object(), asyncio.Protocol())
        unused = cls.__new__(cls)
        assert repr(unused) == f"<{cls.__name__} closed fd=-1 closed>"
        with pytest.raises(RuntimeError, match="the transport is not connected"):
            unused.close()
    with pytest.raises(RuntimeError, match="the transport is not connected"):
        WritePipeTransport.__new__(WritePipeTransport).write(b"data")
    near, far = os.pipe()
    with os.fdopen(near, "rb", buffering=0) as pipe, os.fdopen(far, "wb", buffering=0):
        transport = ReadPipeTransport(loop, pipe, asyncio.Protocol())
        with pytest.raises(RuntimeError, match="the transport has a pipe already"):
            transport.__init__(loop, pipe, asyncio.Protocol())
        transport.close()
        loop.call_soon(loop.stop)
        loop.run_forever()
