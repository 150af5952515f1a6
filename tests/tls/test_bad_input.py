"""Peers that send what they should not, or stop where they should not: the right end sees it, nothing leaks."""

import asyncio
import contextlib
import gc
import random
import ssl

import pytest
from recording import Recorder
from tcp_sockets import tcp_pair

from .conftest import open_files, until_connected

SEEDS = range(40)


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"\x01" * 100, b"\x80" * 5],
    ids=["plain HTTP", "zeros", "a record that is too long", "too short"],
)
def test_garbage_instead_of_a_handshake_is_refused(play, garbage):
    async def main(stage):
        made = []
        accepting, peer = await stage.accepting(lambda: made.append(Recorder()) or made[-1])
        await peer.send(garbage)
        peer.sock.shutdown(1)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await accepting
        assert made[0].calls == []

    play(main)


def test_a_server_survives_garbage(play):
    async def main(stage):
        address, protocols = await stage.serve()
        for garbage in (b"", b"\x00", b"hello\r\n", b"\x16\x03\x01"):
            _, writer = await asyncio.open_connection(*address)
            writer.write(garbage)
            writer.close()
            await writer.wait_closed()
        client = await stage.connect(address)
        client.transport.write(b"fine")
        await until_connected(protocols[-1:])
        assert await protocols[-1].received(4) == b"fine"
        assert all(protocol.calls == [] for protocol in protocols[:-1])

    play(main)


def test_a_record_that_was_changed_is_an_ssl_error(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        records = bytearray(peer.encrypt(b"changed on its way"))
        records[-1] ^= 1
        await peer.send(records)
        error = await protocol.lost
        assert type(error) is ssl.SSLError
        # OpenSSL says the second since 3.2.
        reason = error.reason
        assert reason in ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "RECORD_LAYER_FAILURE")
        assert error.library == "SSL"
        assert str(error).startswith(f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:")
        assert protocol.names == ["connection_made", "connection_lost"]

    play(main)


def test_plain_text_after_the_handshake_is_an_ssl_error(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.write(b"secret")
        await protocol.received(6)
        await peer.send(b"not secret at all, but long enough to be a record\r\n")
        error = await protocol.lost
        assert isinstance(error, ssl.SSLError) and error.reason is not None
        assert protocol.data == b"secret"

    play(main)


def test_a_broken_connection_leaves_the_others_alone(play):
    async def main(stage):
        broken, bad = await stage.with_peer()
        whole, good = await stage.with_peer()
        await good.write(b"before ")
        await bad.send(b"\x17\x03\x03\x00\x20" + b"?" * 32)
        assert isinstance(await broken.lost, ssl.SSLError)
        await good.write(b"and after")
        assert await whole.received(16) == b"before and after"
        whole.transport.write(b"answer")
        assert await good.read(6) == b"answer"

    play(main)


@pytest.mark.parametrize("size", [1, 4, 5, 6, 20])
def test_a_peer_that_stops_within_a_record_and_hangs_up(play, size):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.send(peer.encrypt(b"never complete")[:size])
        await asyncio.sleep(0)
        peer.sock.close()
        await protocol.lost
        assert protocol.data == b""
        assert protocol.names[-1] == "connection_lost"

    play(main)


def test_a_peer_that_resets_within_a_record(play):
    async def main(stage):
        protocol, peer = await stage.with_peer()
        await peer.send(peer.encrypt(b"never complete")[:9])
        peer.reset()
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.data == b""

    play(main)


def test_connections_that_end_badly_leave_no_file_open(play):
    async def main(stage):
        await (await stage.with_peer())[1].write(b"warm")
        gc.collect()
        before = open_files()
        for kind in range(12):
            protocol, peer = await stage.with_peer()
            if kind % 3 == 0:
                peer.reset()
            elif kind % 3 == 1:
                await peer.send(b"?" * 100)
            else:
                peer.sock.shutdown(1)
            await protocol.lost
            peer.sock.close()
        await asyncio.sleep(0)
        assert open_files() == before

    play(main)


def mutated(records, chance):
    """The records with one mistake: a bit turned, bytes left out, twice, or from elsewhere."""
    records = bytearray(records)
    start = chance.randrange(len(records))
    end = min(len(records), start + chance.choice((1, 2, 5, 50, 5000)))
    match chance.randrange(5):
        case 0:
            records[start] ^= 1 << chance.randrange(8)
        case 1:
            del records[start:end]
        case 2:
            records[start:start] = records[start:end]
        case 3:
            records[start:start] = chance.randbytes(end - start)
        case 4:
            records[start:end] = chance.randbytes(end - start)
    return bytes(records)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_no_mutation_of_the_records_does_harm(play, problems, version):
    async def main(stage):
        reported = problems.of_this_loop()
        stage.client_context.minimum_version = stage.client_context.maximum_version = version
        for seed in SEEDS:
            chance = random.Random(seed)
            protocol, peer = await stage.with_peer()
            parts = [chance.randbytes(chance.choice((1, 100, 3000, 20_000))) for _ in range(4)]
            stream = mutated(b"".join(peer.encrypt(part) for part in parts), chance)
            while stream:
                cut = chance.choice((1, 10, 1000, 30_000))
                try:
                    await peer.send(stream[:cut])
                except ConnectionError:
                    break
                stream = stream[cut:]
                await asyncio.sleep(0)
            peer.sock.close()
            error = await protocol.lost
            # No byte that was not sent, none twice, none out of order.
            assert b"".join(parts).startswith(protocol.data), seed
            assert error is None or isinstance(error, OSError), seed
            assert protocol.names.count("connection_lost") == 1, seed
            # What an error of the stream ends is told to the protocol, and is no problem of the loop's.
            assert reported == [], seed

    play(main)


def test_no_mutation_of_the_handshake_does_harm(play):
    async def main(stage):
        for seed in SEEDS:
            chance = random.Random(seed)
            accepting, peer = await stage.accepting()
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await peer.send(mutated(peer.outgoing.read(), chance))
            peer.sock.shutdown(1)
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await accepting
            peer.sock.close()

    play(main)


def test_no_mutation_of_a_server_s_handshake_does_harm(play, problems):
    async def main(stage):
        reported = problems.of_this_loop()
        refused = 0
        for seed in SEEDS:
            chance = random.Random(seed)
            ours, theirs = tcp_pair()
            options = {"ssl": stage.client_context, "server_hostname": "localhost"}
            connecting = asyncio.ensure_future(stage.loop.create_connection(Recorder, sock=ours, **options))
            peer = stage.peer(theirs, server_side=True)
            await peer.receive()
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.do_handshake()
            await peer.send(mutated(peer.outgoing.read(), chance))
            peer.sock.shutdown(1)
            try:
                transport, protocol = await connecting
            except (ssl.SSLError, ConnectionError):
                refused += 1
            else:  # The mistake came behind the last message.
                await protocol.lost
                assert protocol.data == b"", seed
                transport.abort()
            peer.sock.close()
            assert reported == [], seed
        assert refused > len(SEEDS) / 2

    play(main)


def test_no_mutation_of_the_records_does_harm_to_a_reader(play):
    async def main(stage):
        for seed in SEEDS:
            chance = random.Random(seed)
            reader = asyncio.StreamReader()
            _, peer = await stage.with_peer(lambda reader=reader: asyncio.StreamReaderProtocol(reader))
            parts = [chance.randbytes(chance.choice((1, 100, 3000, 20_000))) for _ in range(4)]
            stream = mutated(b"".join(peer.encrypt(part) for part in parts), chance)
            with contextlib.suppress(ConnectionError):
                await peer.send(stream)
            peer.sock.close()
            received = b""
            with contextlib.suppress(OSError):
                while part := await reader.read(1000):
                    received += part
            assert b"".join(parts).startswith(received), seed

    play(main)


def test_a_handshake_may_come_byte_by_byte(play):
    async def main(stage):
        accepting, peer = await stage.accepting()
        with pytest.raises(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        for byte in peer.outgoing.read():
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await peer.handshake(flush=False)
        for byte in peer.outgoing.read():
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        transport, protocol = await accepting
        stage.abort_at_end(transport)
        await peer.write(b"hello")
        assert await protocol.received(5) == b"hello"

    play(main)


def test_a_peer_that_stops_within_a_record_is_waited_for_and_holds_up_nobody(play):
    async def main(stage):
        slow, dawdling = await stage.with_peer()
        quick, other = await stage.with_peer()
        record = dawdling.encrypt(b"better late than never")
        await dawdling.send(record[:9])
        for _ in range(20):
            await other.write(b"tick")
        assert await quick.received(80) == b"tick" * 20
        assert slow.names == ["connection_made"]
        await dawdling.send(record[9:])
        assert await slow.received(22) == b"better late than never"

    play(main)


def test_clients_that_say_nothing_are_dropped_by_the_server(play):
    """Each by the timeout of its handshake; meanwhile and afterwards others are served."""

    async def main(stage):
        address, protocols = await stage.serve(ssl_handshake_timeout=0.05)
        before = open_files()
        silent = [await asyncio.open_connection(*address) for _ in range(5)]
        client = await stage.connect(address)
        client.transport.write(b"served")
        spoken = [protocol for protocol in protocols if protocol.transport is not None]
        await until_connected(spoken or protocols[-1:])
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        made = [protocol for protocol in protocols if protocol.calls]
        assert [await protocol.received(6) for protocol in made] == [b"served"]
        await asyncio.sleep(0)
        assert open_files() == before + 2

    play(main)


def test_a_peer_that_never_reads_holds_up_nobody_and_can_be_dropped(play):
    async def main(stage):
        full, _ = await stage.with_peer()
        quick, other = await stage.with_peer()
        while "pause_writing" not in full.names:
            full.transport.write(bytes(100_000))
        for number in range(20):
            quick.transport.write(b"%04d" % number)
            assert await other.read(4) == b"%04d" % number
        full.transport.abort()
        assert await full.lost is None
        assert full.transport.get_write_buffer_size() == 0

    play(main)
