"""Plain bytes in, the same plain bytes out, however they are written, cut and read."""

import asyncio
import contextlib
import random
import ssl

import pytest
from recording import Recorder

from .conftest import BufferedRecorder, until_connected

SIZES = (1, 16_384, 16_385, 100_000, 1_000_000)


def message(size, seed=0):
    """Bytes that are nowhere the same."""
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_a_message_arrives_as_it_was_written(play, size):
    async def main(stage):
        client, server = await stage.both()
        data = message(size)
        client.transport.write(data)
        assert await server.received(size) == data
        server.transport.write(data)
        assert await client.received(size) == data

    play(main)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_object_can_be_written(play, kind):
    async def main(stage):
        client, server = await stage.both()
        client.transport.write(kind(b"some bytes"))
        client.transport.write(kind(b""))
        client.transport.writelines([kind(b", a list"), kind(b""), kind(b" of them")])
        assert await server.received(26) == b"some bytes, a list of them"

    play(main)


def test_what_is_no_bytes_is_refused(play):
    async def main(stage):
        client, server = await stage.both()
        with pytest.raises(TypeError, match="data: expecting a bytes-like instance, got str"):
            client.transport.write("text")
        client.transport.write(b"fine")
        assert await server.received(4) == b"fine"

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_list_with_something_else_in_it_is_refused_as_a_whole(play):
    async def main(stage):
        client, server = await stage.both()
        with pytest.raises(TypeError, match="a bytes-like object is required, not 'str'"):
            client.transport.writelines([b"never ", "text"])  # asyncio ends the connection
        client.transport.write(b"fine")
        assert await server.received(4) == b"fine"

    play(main)


def test_a_bytearray_may_change_after_it_was_written(play):
    async def main(stage):
        client, server = await stage.both()
        server.transport.pause_reading()
        data = bytearray(b"a" * 3_000_000)
        client.transport.write(data)
        data[:] = b"b" * len(data)
        server.transport.resume_reading()
        assert await server.received(3_000_000) == b"a" * 3_000_000

    play(main)


def test_records_that_come_together_are_delivered_together(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.send(b"".join(peer.encrypt(part) for part in (b"one ", b"two ", b"three")))
        await protocol.received(13)
        assert protocol.calls[1:] == [("data_received", b"one two three")]

    play(main)


def test_a_record_may_come_byte_by_byte(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        for byte in peer.encrypt(b"drip"):
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await protocol.received(4)
        assert protocol.calls[1:] == [("data_received", b"drip")]

    play(main)


def test_a_stream_may_be_cut_anywhere(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        chance = random.Random(1)
        data = message(200_000)
        records = b"".join(peer.encrypt(data[start : start + 7_000]) for start in range(0, len(data), 7_000))
        start = 0
        while start < len(records):
            end = start + chance.choice((1, 5, 100, 6_000, 17_000, 60_000))
            await peer.send(records[start:end])
            start = end
        assert await protocol.received(len(data)) == data

    play(main)


@pytest.mark.parametrize("size", [1, 16, 5_000, 300_000])
def test_a_protocol_may_offer_its_own_memory(play, size):
    async def main(stage):
        client, server = await stage.both(server=lambda: BufferedRecorder(size))
        data = message(min(40_000, 1_000 * size))
        client.transport.write(data[:10])
        await server.received(10)
        client.transport.write(data[10:])
        assert await server.received(len(data)) == data
        assert set(server.names) == {"connection_made", "buffer_updated"}

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_memory_may_be_a_bytearray(play):
    class Offering(BufferedRecorder):
        def get_buffer(self, sizehint):  # asyncio reads into a copy of its end
            return self.buffer

    async def main(stage):
        client, server = await stage.both(server=lambda: Offering(100_000))
        client.transport.write(message(40_000))
        assert await server.received(40_000) == message(40_000)

    play(main)


def test_the_protocol_can_be_changed_in_both_directions(play):
    async def main(stage):
        client, first = await stage.both()
        client.transport.write(b"to the first")
        await first.received(12)
        buffered = BufferedRecorder(100)
        first.transport.set_protocol(buffered)
        assert first.transport.get_protocol() is buffered
        client.transport.write(b"to the second")
        assert await buffered.received(13) == b"to the second"
        third = Recorder()
        first.transport.set_protocol(third)
        client.transport.write(b"to the third")
        assert await third.received(12) == b"to the third"
        assert first.data == b"to the first"

    play(main)


def test_streams_read_lines_and_exact_sizes(play):
    async def main(stage):
        async def answer(reader, writer):
            line = await reader.readline()
            body = await reader.readexactly(50_000)
            writer.write(line.upper())
            writer.writelines([body, b"\n"])
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=stage.server_context)
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address, ssl=stage.client_context, server_hostname="localhost")
        body = message(50_000)
        writer.write(b"a line\n" + body)
        await writer.drain()
        assert await reader.readline() == b"A LINE\n"
        assert await reader.readexactly(50_001) == body + b"\n"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()

    play(main)


def test_nothing_is_delivered_while_reading_is_paused(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        protocol.transport.pause_reading()
        assert not protocol.transport.is_reading()
        await peer.write(b"waits")
        while not protocol.transport.get_read_buffer_size():
            await asyncio.sleep(0)
        assert protocol.data == b""
        protocol.transport.resume_reading()
        assert protocol.transport.is_reading()
        assert await protocol.received(5) == b"waits"

    play(main)


def test_a_paused_protocol_is_sent_no_more_than_its_limit(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        transport = protocol.transport
        transport.set_read_buffer_limits(high=50_000)
        assert transport.get_read_buffer_limits() == (12_500, 50_000)
        transport.pause_reading()
        records = b"".join(peer.encrypt(message(10_000, seed)) for seed in range(200))
        sending = asyncio.create_task(peer.send(records))
        while transport.get_read_buffer_size() < 50_000:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert transport.get_read_buffer_size() <= 50_000 + 256 * 1024
        transport.resume_reading()
        expected = b"".join(message(10_000, seed) for seed in range(200))
        assert await protocol.received(2_000_000) == expected
        await sending

    play(main)


def test_reading_may_be_paused_in_data_received(play):
    class OneAtATime(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async def main(stage):
        protocol, peer = await stage.with_peer(OneAtATime)
        await peer.write(b"one")
        await protocol.received(3)
        await peer.write(b"two")
        while not protocol.transport.get_read_buffer_size():
            await asyncio.sleep(0)
        assert protocol.data == b"one"
        protocol.transport.resume_reading()
        assert await protocol.received(6) == b"onetwo"

    play(main)


def test_a_peer_that_does_not_read_pauses_the_program(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        transport = protocol.transport
        transport.set_write_buffer_limits(high=100_000, low=10_000)
        assert transport.get_write_buffer_limits() == (10_000, 100_000)
        written = 0
        while "pause_writing" not in protocol.names:
            transport.write(message(50_000))
            written += 50_000
        assert transport.get_write_buffer_size() >= 100_000
        assert transport._protocol_paused
        received = await peer.read(written)
        assert received == message(50_000) * (written // 50_000)
        await protocol.until(lambda: "resume_writing" in protocol.names)
        assert protocol.names.count("pause_writing") == protocol.names.count("resume_writing") == 1
        assert transport.get_write_buffer_size() <= 10_000

    play(main)


def test_an_ssl_object_with_methods_of_its_own_is_asked(play):
    class Counting(ssl.SSLObject):
        calls = ()

        def read(self, *args):
            self.calls += ("read",)
            return super().read(*args)

        def write(self, data):
            self.calls += ("write",)
            return super().write(data)

    async def main(stage):
        stage.client_context.sslobject_class = Counting
        client, server = await stage.both()
        client.transport.write(b"hello")
        server.transport.write(await server.received(5))
        assert await client.received(5) == b"hello"
        assert {"read", "write"} <= set(client.transport.get_extra_info("ssl_object").calls)

    play(main)


def test_limits_must_make_sense(play):
    async def main(stage):
        client, _ = await stage.both()
        for set_limits in (client.transport.set_write_buffer_limits, client.transport.set_read_buffer_limits):
            with pytest.raises(ValueError, match="must be >= low"):
                set_limits(high=1, low=2)

    play(main)


def test_writing_from_within_data_received_keeps_the_order(play):
    class Echo(Recorder):
        def data_received(self, data):
            super().data_received(data)
            for start in range(0, len(data), 1000):
                self.transport.write(data[start : start + 1000])

    async def main(stage):
        client, _ = await stage.both(server=Echo)
        data = message(500_000)
        client.transport.write(data)
        assert await client.received(len(data)) == data

    play(main)


def test_an_exception_in_data_received_ends_the_connection(play, problems):
    class Failing(Recorder):
        def data_received(self, data):
            raise RuntimeError("no")

    async def main(stage):
        problems.of_this_loop()
        client, server = await stage.both(server=Failing)
        client.transport.write(b"x")
        assert repr(await server.lost) == "RuntimeError('no')"
        assert problems.messages == ["Fatal error on SSL protocol"]

    play(main)


def test_a_system_exit_in_data_received_leaves_the_loop(new_loop, server_context, client_context):
    class Leaving(Recorder):
        def data_received(self, data):
            raise SystemExit(7)

    loop = new_loop()

    async def main():
        with contextlib.closing(await loop.create_server(Leaving, "127.0.0.1", 0, ssl=server_context)) as server:
            transport, protocol = await loop.create_connection(
                Recorder, *server.sockets[0].getsockname(), ssl=client_context, server_hostname="localhost"
            )
            transport.write(b"x")
            await protocol.lost

    task = loop.create_task(main())
    with pytest.raises(SystemExit):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    for transport in list(loop._transports.values()):
        transport.abort()
    loop.run_until_complete(asyncio.sleep(0))


def test_many_connections_do_not_mix_their_bytes(play):
    async def main(stage):
        address, servers = await stage.serve()
        clients = [await stage.connect(address) for _ in range(20)]
        await until_connected(servers[-1:])
        for number, client in enumerate(clients):
            client.transport.write(message(30_000, number))
        received = [await server.received(30_000) for server in servers]
        assert sorted(received) == sorted(message(30_000, number) for number in range(20))

    play(main)


def test_a_certificate_can_be_asked_for_after_the_handshake(play, authority):
    async def main(stage):
        authority.configure_trust(stage.server_context)
        authority.issue_cert("later.example").configure_cert(stage.client_context)
        stage.client_context.post_handshake_auth = True
        stage.server_context.verify_mode = ssl.CERT_REQUIRED
        stage.server_context.post_handshake_auth = True
        client, server = await stage.both()
        ssl_object = server.transport.get_extra_info("ssl_object")
        assert ssl_object.getpeercert() is None
        ssl_object.verify_client_post_handshake()
        server.transport.write(b"who are you?")
        await client.received(12)
        client.transport.write(b"me")
        await server.received(2)
        assert ("DNS", "later.example") in ssl_object.getpeercert()["subjectAltName"]

    play(main)


def test_a_file_is_read_and_encrypted(play, tmp_path):
    data = message(300_000)
    path = tmp_path / "file"
    path.write_bytes(data)

    async def main(stage):
        client, server = await stage.both()
        with path.open("rb") as file:
            assert await stage.loop.sendfile(client.transport, file, 10, 200_000) == 200_000
            assert file.tell() == 200_010
            assert await server.received(200_000) == data[10:200_010]
            with pytest.raises(RuntimeError, match="fallback is disabled and native sendfile is not supported"):
                await stage.loop.sendfile(client.transport, file, fallback=False)

    play(main)


def test_unix_sockets_can_be_secure(play, tmp_path):
    path = str(tmp_path / "socket")

    async def main(stage):
        made = []
        server = await stage.loop.create_unix_server(
            lambda: made.append(Recorder()) or made[-1], path, ssl=stage.server_context
        )
        transport, client = await stage.loop.create_unix_connection(
            Recorder, path, ssl=stage.client_context, server_hostname="localhost"
        )
        stage.abort_at_end(transport)
        await until_connected(made)
        transport.write(message(100_000))
        assert await made[0].received(100_000) == message(100_000)
        made[0].transport.write(b"thanks")
        assert await client.received(6) == b"thanks"
        made[0].transport.abort()
        server.close()

    play(main)
