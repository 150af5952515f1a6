"""Pipe transports over pipes, FIFOs, sockets, terminals and other devices."""

import asyncio
import os
import pty
import socket
import tty

import pytest
from pipe_ends import fill, read_from, write_to
from recording import Notes, Recorder


def pipe(directory):
    return os.pipe()


def fifo(directory):
    path = directory / "fifo"
    os.mkfifo(path)
    near = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return near, os.open(path, os.O_WRONLY)


def sockets(directory):
    near, far = socket.socketpair()
    return near.detach(), far.detach()


def terminal(directory):
    near, far = pty.openpty()
    tty.setraw(far)
    return near, far


@pytest.mark.parametrize("kind", [pipe, fifo, sockets, terminal], ids=lambda kind: kind.__name__)
def test_bytes_go_through(play, tmp_path, kind):
    async def main():
        near, far = kind(tmp_path)
        reading, reader = await read_from(near)
        writing, writer = await write_to(far)
        assert reading.get_extra_info("pipe").fileno() == near
        assert writing.get_extra_info("pipe").fileno() == far
        for number in range(100):
            writing.write(b"%09d\n" % number)
            await reader.received(10 * (number + 1))
        assert reader.data == b"".join(b"%09d\n" % number for number in range(100))
        writing.close()
        assert await writer.lost is None
        if kind is not terminal:  # the end of a terminal is an error of it
            assert await reader.lost is None
            others = [name for name in reader.names if name != "data_received"]
            assert others == ["connection_made", "eof_received", "connection_lost"]
        reading.close()
        await reader.lost

    play(main)


@pytest.mark.parametrize("kind", [pipe, sockets], ids=lambda kind: kind.__name__)
def test_megabytes_go_through_with_pauses(play, tmp_path, kind):
    async def main():
        near, far = kind(tmp_path)
        _, reader = await read_from(near)
        writing, writer = await write_to(far)
        data = os.urandom(1 << 22)
        writing.write(data)
        assert writing.get_write_buffer_size() > 0
        assert "pause_writing" in writer.names
        await writer.until(lambda: "resume_writing" in writer.names)
        writing.close()
        assert await reader.lost is None
        assert reader.data == data
        assert writer.names == ["connection_made", "pause_writing", "resume_writing", "connection_lost"]

    play(main)


def test_memory_may_be_changed_after_it_was_written(play, tmp_path):
    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far)
        sent = 0
        while not writing.get_write_buffer_size():
            writing.write(b"x" * 4096)
            sent += 4096
        memory = bytearray(b"before")
        writing.write(memory)
        memory[:] = b"after!"
        writing.close()
        _, reader = await read_from(near)
        await reader.lost
        assert reader.data == b"x" * sent + b"before"
        await writer.lost

    play(main)


def test_reading_can_be_paused(play):
    async def main():
        near, far = os.pipe()
        reading, reader = await read_from(near)
        reading.pause_reading()
        assert not reading.is_reading()
        os.write(far, b"data")
        for _ in range(3):
            await asyncio.sleep(0)
        assert not reader.data
        reading.resume_reading()
        await reader.received(4)
        os.close(far)
        await reader.lost

    play(main)


def test_a_writer_learns_that_nobody_reads_any_more(play):
    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far)
        os.close(near)
        assert await writer.lost is None
        assert writing.is_closing()

    play(main)


def test_a_writer_with_something_to_say_gets_a_broken_pipe(play):
    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far)
        fill(writing)
        os.close(near)
        assert isinstance(await writer.lost, BrokenPipeError)

    play(main)


def test_a_device_can_be_written_and_read(play):
    async def main():
        writing, writer = await write_to(os.open(os.devnull, os.O_WRONLY))
        writing.write(b"into nothing")
        writing.close()
        assert await writer.lost is None

    play(main)


def test_a_file_is_no_pipe(play, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"data")

    async def main():
        loop = asyncio.get_running_loop()
        with path.open("rb") as file:
            with pytest.raises(ValueError, match="Pipe transport is for pipes/sockets only"):
                await loop.connect_read_pipe(Recorder, file)
        with path.open("wb") as file:
            with pytest.raises(ValueError, match="Pipe transport is only for pipes, sockets and character devices"):
                await loop.connect_write_pipe(Notes, file)

    play(main)


def test_abort_drops_what_waits(play):
    async def main():
        near, far = os.pipe()
        writing, writer = await write_to(far)
        fill(writing)
        writing.abort()
        assert await writer.lost is None
        os.close(near)

    play(main)


def test_streams_over_pipes(play):
    async def main():
        loop = asyncio.get_running_loop()
        near, far = os.pipe()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(near, "rb", 0))
        writing, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(far, "wb", 0)
        )
        writer = asyncio.StreamWriter(writing, protocol, None, loop)
        writer.write(b"line 1\nline 2\n")
        await writer.drain()
        assert [await reader.readline() for _ in range(2)] == [b"line 1\n", b"line 2\n"]
        writer.close()
        assert await reader.read() == b""

    play(main)
