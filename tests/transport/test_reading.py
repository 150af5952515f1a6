"""From the socket to the protocol."""

import asyncio
import contextvars
import gc
import random
import socket

import pytest
from recording import BufferedRecorder, Recorder
from tcp_sockets import reset, tcp_pair


def test_the_protocol_is_told_of_the_connection_before_anything_else(play):
    async def main(connect):
        ours, peer = socket.socketpair()
        peer.sendall(b"early")
        pair = await connect(sockets=lambda: (ours, peer))
        await pair.protocol.until(lambda: pair.protocol.data)
        assert pair.protocol.names == ["connection_made", "data_received"]
        assert pair.protocol.transport is pair.transport

    play(main)


def test_what_arrives_is_given_to_the_protocol_as_bytes(play):
    async def main(connect):
        pair = await connect()
        await pair.send(b"one")
        await pair.protocol.until(lambda: pair.protocol.data == b"one")
        assert pair.protocol.calls[-1] == ("data_received", b"one")
        assert type(pair.protocol.calls[-1][1]) is bytes

    play(main)


def test_a_megabyte_arrives_whole(play):
    data = bytes(range(256)) * 4096

    async def main(connect):
        pair = await connect()
        await pair.send(data)
        await pair.protocol.until(lambda: len(pair.protocol.data) == len(data))
        assert pair.protocol.data == data

    play(main)


def test_at_most_256_kib_are_given_at_once(play):
    async def main(connect):
        def sockets():
            ours, peer = tcp_pair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            return ours, peer

        pair = await connect(sockets=sockets)
        await pair.send(bytes(3 << 20))
        await pair.protocol.until(lambda: len(pair.protocol.data) == 3 << 20)
        assert max(len(call[1]) for call in pair.protocol.calls[1:]) <= 256 * 1024

    play(main)


def test_what_a_program_keeps_for_a_while_does_not_change(play):
    """However long it keeps each piece: memory that it has let go of is used for what comes later."""
    dice = random.Random(1)

    async def main(connect):
        pair = await connect()
        data = bytearray()
        kept = {}
        for number in range(600):
            message = number.to_bytes(4) * dice.choice([1, 130, 260, 260, 300, 2000, 12_000])
            data += message
            await pair.send(message)
            await pair.protocol.received(len(data))
            for _, piece in pair.protocol.calls[1:]:
                kept[piece] = bytes(bytearray(piece))
            del pair.protocol.calls[1:]
            while len(kept) > dice.choice([1, 2, 20, 50]):
                piece, copy = kept.popitem() if dice.random() < 0.5 else (oldest := next(iter(kept)), kept.pop(oldest))
                assert piece == copy
                assert hash(piece) == hash(copy)
        assert all(piece == copy for piece, copy in kept.items())
        assert pair.protocol.data == data

    play(main)


def test_a_buffered_protocol_gets_data_in_its_own_memory(play):
    async def main(connect):
        pair = await connect(lambda: BufferedRecorder(4))
        await pair.send(b"abcdef")
        await pair.protocol.until(lambda: pair.protocol.data == b"abcdef")
        assert pair.protocol.names[1:5] == ["get_buffer", "buffer_updated"] * 2
        assert pair.protocol.calls[1:5] == [
            ("get_buffer", -1),
            ("buffer_updated", 4),
            ("get_buffer", -1),
            ("buffer_updated", 2),
        ]

    play(main)


def test_a_protocol_can_be_exchanged_for_a_buffered_one_and_back(play):
    async def main(connect):
        pair = await connect()
        first = pair.transport.get_protocol()
        second, third = BufferedRecorder(), Recorder()
        for protocol, data in (second, b"two"), (third, b"three"):
            pair.transport.set_protocol(protocol)
            assert pair.transport.get_protocol() is protocol
            await pair.send(data)
            await protocol.until(lambda protocol=protocol, data=data: protocol.data == data)
        assert first.data == b""
        pair.transport.abort()
        await third.lost
        assert "connection_lost" not in first.names + second.names

    play(main)


def test_nothing_is_given_while_reading_is_paused(play):
    async def main(connect):
        pair = await connect()
        assert pair.transport.is_reading()
        pair.transport.pause_reading()
        pair.transport.pause_reading()
        assert not pair.transport.is_reading()
        await pair.send(b"later")
        # Another pair shows that the loop has looked at its fds meanwhile.
        other = await connect()
        await other.send(b"now")
        await other.protocol.until(lambda: other.protocol.data)
        assert pair.protocol.data == b""
        pair.transport.resume_reading()
        pair.transport.resume_reading()
        assert pair.transport.is_reading()
        await pair.protocol.until(lambda: pair.protocol.data == b"later")

    play(main)


def test_pausing_in_data_received_takes_effect_at_once(play):
    class Pausing(BufferedRecorder):
        def buffer_updated(self, nbytes):
            super().buffer_updated(nbytes)
            self.transport.pause_reading()

    async def main(connect):
        pair = await connect(lambda: Pausing(2))
        await pair.send(b"abcd")
        await pair.protocol.until(lambda: pair.protocol.data == b"ab")
        other = await connect()
        await other.send(b"now")
        await other.protocol.until(lambda: other.protocol.data)
        assert pair.protocol.data == b"ab"
        pair.transport.resume_reading()
        await pair.protocol.until(lambda: pair.protocol.data == b"abcd")

    play(main)


def test_a_protocol_that_pauses_in_connection_made_reads_nothing(play):
    class Paused(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async def main(connect):
        pair = await connect(Paused)
        await pair.send(b"x")
        other = await connect()
        await other.send(b"now")
        await other.protocol.until(lambda: other.protocol.data)
        assert pair.protocol.names == ["connection_made"]
        pair.transport.resume_reading()
        await pair.protocol.until(lambda: pair.protocol.data == b"x")

    play(main)


def test_one_protocol_can_stop_another_that_is_ready_in_the_same_turn(play):
    async def main(connect):
        first, second = await connect(), await connect()

        class Stops(Recorder):
            def data_received(self, data):
                super().data_received(data)
                (first if self is protocols[1] else second).transport.pause_reading()

        protocols = Stops(), Stops()
        first.transport.set_protocol(protocols[0])
        second.transport.set_protocol(protocols[1])
        first.peer.sendall(b"x")
        second.peer.sendall(b"x")
        told = asyncio.gather(*(p.until(lambda p=p: p.data) for p in protocols), return_exceptions=True)
        third = await connect()
        await third.send(b"now")
        await third.protocol.until(lambda: third.protocol.data)
        assert sorted(p.data for p in protocols) == [b"", b"x"]
        told.cancel()

    play(main)


def test_the_end_of_the_stream_closes_the_transport(play):
    async def main(connect):
        pair = await connect()
        pair.peer.close()
        assert await pair.protocol.lost is None
        assert pair.protocol.names == ["connection_made", "eof_received", "connection_lost"]

    play(main)


def test_a_true_result_of_eof_received_keeps_the_connection_open(play):
    class KeepsOpen(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main(connect):
        pair = await connect(KeepsOpen)
        pair.peer.shutdown(socket.SHUT_WR)
        await pair.protocol.until(lambda: "eof_received" in pair.protocol.names)
        assert not pair.transport.is_closing()
        pair.transport.write(b"still here")
        assert await pair.receive() == b"still here"
        assert pair.protocol.names.count("eof_received") == 1
        pair.transport.close()
        assert await pair.receive() == b""
        assert await pair.protocol.lost is None

    play(main)


def test_a_reset_is_the_reason_of_connection_lost(play, problems):
    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect(sockets=tcp_pair)
        reset(pair.peer)
        assert isinstance(await pair.protocol.lost, ConnectionResetError)
        assert pair.protocol.names == ["connection_made", "connection_lost"]
        assert seen == []

    play(main)


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
def test_an_exception_of_the_protocol_ends_the_connection(play, problems, method):
    error = ValueError(method)

    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect()

        def fail(*arguments):
            raise error

        setattr(pair.protocol, method, fail)
        await pair.send(b"x")
        if method == "eof_received":
            pair.peer.close()
        assert await pair.protocol.lost is error
        assert seen.messages == [f"Fatal error: protocol.{method}() call failed."]
        assert seen[0]["exception"] is error
        assert seen[0]["transport"] is pair.transport
        assert seen[0]["protocol"] is pair.protocol

    play(main)


@pytest.mark.parametrize(
    ("method", "offer", "error", "message"),
    [
        ("get_buffer", ValueError("no"), ValueError, "Fatal error: protocol.get_buffer() call failed."),
        ("get_buffer", bytearray(), RuntimeError, "Fatal error: protocol.get_buffer() call failed."),
        ("get_buffer", None, TypeError, "Fatal error: protocol.get_buffer() call failed."),
        ("get_buffer", b"read-only", (TypeError, BufferError), "Fatal read error on socket transport"),
        ("buffer_updated", ValueError(), ValueError, "Fatal error: protocol.buffer_updated() call failed."),
    ],
)
def test_a_buffered_protocol_that_fails_ends_the_connection(play, problems, method, offer, error, message):
    async def main(connect):
        seen = problems.of_this_loop()
        pair = await connect(BufferedRecorder)

        def misbehave(*arguments):
            if isinstance(offer, Exception):
                raise offer
            return offer

        setattr(pair.protocol, method, misbehave)
        await pair.send(b"x")
        assert isinstance(await pair.protocol.lost, error)
        assert seen.messages == [message]

    play(main)


def test_a_system_exit_in_data_received_stops_the_loop(new_loop):
    class Exits(Recorder):
        def data_received(self, data):
            raise SystemExit(3)

    loop = new_loop()
    ours, peer = socket.socketpair()

    async def main():
        return await loop.connect_accepted_socket(Exits, ours)

    transport, protocol = loop.run_until_complete(main())
    peer.sendall(b"x")
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert not transport.is_closing()
    transport.abort()
    loop.run_until_complete(protocol.lost)
    peer.close()


def test_callbacks_run_in_the_context_in_which_the_transport_was_made(play):
    variable = contextvars.ContextVar("variable", default="outside")

    class Looks(Recorder):
        def connection_made(self, transport):
            self.seen = [variable.get()]
            super().connection_made(transport)

        def data_received(self, data):
            self.seen.append(variable.get())
            super().data_received(data)

    async def main(connect):
        variable.set("where it was made")
        pair = await connect(Looks)
        variable.set("later")
        await pair.send(b"x")
        await pair.protocol.until(lambda: pair.protocol.data)
        assert pair.protocol.seen == ["where it was made"] * 2

    play(main)


def test_a_method_patched_on_the_protocol_is_called(play):
    async def main(connect):
        pair = await connect()
        got = asyncio.get_running_loop().create_future()
        pair.protocol.data_received = got.set_result
        await pair.send(b"x")
        assert await got == b"x"

    play(main)


def test_an_unclosed_transport_warns_and_closes_its_socket(play):
    async def main(connect):
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        transport.pause_reading()  # while it reads the loop holds it
        text = repr(transport)
        with pytest.warns(ResourceWarning, match="unclosed transport") as caught:
            del transport, protocol
            gc.collect()
        assert any(text in str(warning.message) for warning in caught)
        assert ours.fileno() == -1
        assert peer.recv(1) == b""
        peer.close()

    play(main)
