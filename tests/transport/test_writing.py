"""From the program to the socket, and flow control."""

import asyncio
import logging
import socket

import pytest
from recording import Recorder
from tcp_sockets import reset, tcp_pair


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
def test_anything_like_bytes_can_be_written(play, make):
    async def main(connect):
        pair = await connect()
        pair.transport.write(make(b"hello"))
        assert await pair.receive() == b"hello"

    play(main)


def test_empty_writes_do_nothing(play):
    async def main(connect):
        pair = await connect()
        pair.transport.write(b"")
        pair.transport.write(bytearray())
        pair.transport.writelines([])
        pair.transport.writelines([b"", b"x", bytearray()])
        assert pair.transport.get_write_buffer_size() == 0
        assert await pair.receive() == b"x"

    play(main)


@pytest.mark.parametrize("wrong", ["text", 3, None, [b"x"]], ids=repr)
def test_writing_something_else_is_a_type_error(play, wrong):
    async def main(connect):
        pair = await connect()
        with pytest.raises(TypeError, match=f"not '{type(wrong).__name__}'"):
            pair.transport.write(wrong)
        pair.transport.write(b"fine")
        assert await pair.receive() == b"fine"

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")  # some versions of asyncio send the first line, or skip None
@pytest.mark.parametrize("wrong", ["text", 3, None, [b"x"]], ids=repr)
def test_of_lines_with_something_else_among_them_none_is_sent(play, wrong):
    async def main(connect):
        pair = await connect()
        with pytest.raises(TypeError):
            pair.transport.writelines([b"not sent", wrong])
        pair.transport.write(b"fine")
        assert await pair.receive() == b"fine"

    play(main)


def test_lines_are_sent_in_order_and_together(play):
    async def main(connect):
        pair = await connect()
        pair.transport.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
        pair.transport.writelines(str(number).encode() for number in range(10))
        assert await pair.receive() == b"abc0123456789"

    play(main)


def test_thousands_of_lines_arrive(play):
    lines = [b"%d\n" % number for number in range(5000)]

    async def main(connect):
        pair = await connect()
        pair.transport.writelines(lines)
        pair.transport.close()
        assert await pair.receive_all() == b"".join(lines)

    play(main)


def test_what_the_kernel_does_not_take_is_sent_later_in_order(play):
    async def main(connect):
        pair = await connect()
        parts = [bytes([number]) * 30_000 for number in range(100)]
        for part in parts[:50]:
            pair.transport.write(part)
        pair.transport.writelines(parts[50:])
        waiting = pair.transport.get_write_buffer_size()
        assert 0 < waiting < 3_000_000
        pair.transport.close()
        assert pair.transport.is_closing()
        assert await pair.receive_all() == b"".join(parts)
        assert await pair.protocol.lost is None

    play(main)


def test_what_waits_is_sent_by_one_system_call(play):
    """In a socket that keeps the borders of what it is given."""

    async def main(connect):
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.setblocking(False)
        ours.setblocking(False)
        protocol = Recorder()
        transport = loop._make_socket_transport(ours, protocol)
        await protocol.until(lambda: "connection_made" in protocol.names)
        while not transport.get_write_buffer_size():
            transport.write(b"x" * 4096)
        for number in range(100):
            transport.write(b"%02d" % number)
        transport.writelines([b"a", b"b", bytearray(b"c")])
        expected = b"".join(b"%02d" % number for number in range(100)) + b"abc"
        assert transport.get_write_buffer_size() == 4096 + len(expected)
        received = []
        while not received or not received[-1].endswith(b"abc"):
            received.append(await loop.sock_recv(peer, 65536))
        assert received[-1] == b"x" * 4096 + expected
        transport.abort()
        await protocol.lost
        peer.close()

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")  # asyncio keeps a reference to the memory that it queues
def test_queued_memory_may_be_changed_by_its_owner(play):
    async def main(connect):
        pair = await connect()
        size = await pair.fill()
        mine = bytearray(b"before")
        view = memoryview(bytearray(b"BEFORE"))
        pair.transport.write(mine)
        pair.transport.writelines([view])
        mine[:] = b"after!"
        view[:] = b"AFTER!"
        pair.transport.close()
        assert (await pair.receive_all())[size:] == b"beforeBEFORE"

    play(main)


def test_the_peer_sees_the_end_after_all_that_was_written(play):
    async def main(connect):
        pair = await connect()
        size = await pair.fill()
        assert pair.transport.can_write_eof()
        pair.transport.write_eof()
        pair.transport.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
            pair.transport.write(b"x")
        with pytest.raises(RuntimeError, match=r"after write_eof\(\)"):
            pair.transport.writelines([b"x"])
        assert len(await pair.receive_all()) == size
        await pair.send(b"the other way")
        await pair.protocol.until(lambda: pair.protocol.data == b"the other way")
        assert not pair.transport.is_closing()

    play(main)


def test_the_protocol_is_paused_and_resumed(play):
    async def main(connect):
        pair = await connect()
        pair.transport.set_write_buffer_limits(high=100_000, low=10)
        assert pair.transport.get_write_buffer_limits() == (10, 100_000)
        size = await pair.fill(b"x" * 10_000)
        assert "pause_writing" not in pair.protocol.names
        while pair.transport.get_write_buffer_size() <= 100_000:
            assert "pause_writing" not in pair.protocol.names
            pair.transport.write(b"x" * 10_000)
            size += 10_000
        assert pair.protocol.names.count("pause_writing") == 1
        pair.transport.write(b"y")
        assert pair.protocol.names.count("pause_writing") == 1
        received = 0
        while received <= size:
            received += len(await pair.receive())
        await pair.protocol.until(lambda: "resume_writing" in pair.protocol.names)
        assert pair.transport.get_write_buffer_size() == 0
        assert pair.protocol.names[-2:] == ["pause_writing", "resume_writing"]

    play(main)


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ({}, (16384, 65536)),
        ({"high": 100}, (25, 100)),
        ({"low": 100}, (100, 400)),
        ({"high": 0}, (0, 0)),
        ({"high": 7, "low": 7}, (7, 7)),
    ],
)
def test_limits_have_defaults(play, arguments, limits):
    async def main(connect):
        pair = await connect()
        assert pair.transport.get_write_buffer_limits() == (16384, 65536)
        pair.transport.set_write_buffer_limits(**arguments)
        assert pair.transport.get_write_buffer_limits() == limits

    play(main)


@pytest.mark.parametrize(("high", "low"), [(1, 2), (-1, None), (5, -1)])
def test_impossible_limits_are_refused(play, high, low):
    async def main(connect):
        pair = await connect()
        with pytest.raises(ValueError, match=r"high \(.*\) must be >= low \(.*\) must be >= 0"):
            pair.transport.set_write_buffer_limits(high, low)
        assert pair.transport.get_write_buffer_limits() == (16384, 65536)

    play(main)


def test_lower_limits_pause_the_protocol_at_once(play):
    async def main(connect):
        pair = await connect()
        await pair.fill(b"x" * 1000)
        assert "pause_writing" not in pair.protocol.names
        pair.transport.set_write_buffer_limits(high=0)
        assert pair.protocol.names[-1] == "pause_writing"

    play(main)


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_an_exception_of_flow_control_is_reported_and_nothing_else(play, problems, method):
    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect()
        error = ValueError(method)

        def fail():
            raise error

        setattr(pair.protocol, method, fail)
        pair.transport.set_write_buffer_limits(high=0)
        size = await pair.fill()
        pair.transport.close()
        assert len(await pair.receive_all()) == size
        assert await pair.protocol.lost is None
        assert seen.messages == [f"protocol.{method}() failed"]
        assert seen[0]["exception"] is error
        assert seen[0]["transport"] is pair.transport

    play(main)


def test_abort_drops_what_waits(play):
    async def main(connect):
        pair = await connect()
        size = await pair.fill()
        waiting = pair.transport.get_write_buffer_size()
        pair.transport.abort()
        assert pair.transport.get_write_buffer_size() == 0
        assert pair.transport.is_closing()
        assert await pair.protocol.lost is None
        assert len(await pair.receive_all()) == size - waiting

    play(main)


def test_writing_to_a_peer_that_is_gone_ends_the_connection(play, problems):
    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect()
        pair.transport.pause_reading()
        pair.peer.close()
        pair.transport.write(b"x")
        assert isinstance(await pair.protocol.lost, BrokenPipeError)
        assert seen == []

    play(main)


def test_a_reset_while_bytes_wait_ends_the_connection(play, problems):
    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect(sockets=tcp_pair)
        pair.transport.pause_reading()
        await pair.fill()
        reset(pair.peer)
        assert isinstance(await pair.protocol.lost, ConnectionError)
        assert pair.transport.get_write_buffer_size() == 0
        assert seen == []

    play(main)


def test_a_reset_after_close_still_tells_the_protocol_once(play):
    async def main(connect):
        pair = await connect(sockets=tcp_pair)
        await pair.fill()
        pair.transport.close()
        reset(pair.peer)
        assert isinstance(await pair.protocol.lost, ConnectionError)
        await asyncio.sleep(0)
        assert pair.protocol.names.count("connection_lost") == 1

    play(main)


def test_who_keeps_on_writing_to_a_lost_connection_is_warned(play, caplog):
    async def main(connect):
        pair = await connect()
        pair.transport.abort()
        for _ in range(4):
            pair.transport.write(b"x")
        assert caplog.records == []
        pair.transport.write(b"x")
        assert [record.getMessage() for record in caplog.records] == ["socket.send() raised exception."]
        await pair.protocol.lost
        pair.transport.write(b"x")
        assert len(caplog.records) == 2

    with caplog.at_level(logging.WARNING, "asyncio"):
        play(main)


def test_after_close_everything_is_quiet(play):
    async def main(connect):
        pair = await connect()
        pair.transport.close()
        assert await pair.protocol.lost is None
        transport = pair.transport
        transport.close()
        transport.abort()
        transport.write_eof()
        transport.pause_reading()
        transport.resume_reading()
        transport.set_write_buffer_limits(10)
        assert not transport.is_reading()
        assert transport.is_closing()
        assert transport.get_write_buffer_size() == 0
        assert transport.get_protocol() is None
        await asyncio.sleep(0)
        assert pair.protocol.names == ["connection_made", "connection_lost"]

    play(main)


def test_a_protocol_may_write_and_close_in_resume_writing(play):
    class Says(Recorder):
        def resume_writing(self):
            super().resume_writing()
            self.transport.write(b"goodbye")
            self.transport.close()

    async def main(connect):
        pair = await connect(Says)
        pair.transport.set_write_buffer_limits(high=0)
        size = await pair.fill()
        assert (await pair.receive_all())[size:] == b"goodbye"
        assert await pair.protocol.lost is None

    play(main)


def test_nagle_is_off(play):
    async def main(connect):
        pair = await connect(sockets=tcp_pair)
        sock = pair.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_nagle_is_off_for_sockets_whose_protocol_is_not_named(play):
    async def main(connect):
        pair = await connect(sockets=lambda: tcp_pair(proto=0))
        sock = pair.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    play(main)


def test_what_is_written_may_be_given_by_name(run):
    async def main():
        near, far = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=near)
        peer_reader, peer_writer = await asyncio.open_connection(sock=far)
        writer.transport.set_protocol(protocol=writer.transport.get_protocol())
        writer.transport.write(data=b"a")
        writer.transport.writelines(list_of_data=[b"b", b"c"])
        writer.write(data=b"d")
        reader.feed_data(data=b"e")
        received = await peer_reader.readexactly(4), await reader.readexactly(1)
        writer.close()
        peer_writer.close()
        return received

    assert run(main) == (b"abcd", b"e")
