"""Datagram endpoints: their life, and what the protocol is told."""

import asyncio
import contextvars
import gc
import os
import socket
import sys
import weakref

import pytest
from ferraio._transports import DatagramTransport

from .conftest import Recorder


def test_datagrams_go_back_and_forth(play):
    async def main(endpoint):
        server, at_server = await endpoint()
        client, at_client = await endpoint(remote_addr=server.get_extra_info("sockname"))
        client.sendto(b"question")
        data, address = await at_server.datagrams.get()
        assert (data, address) == (b"question", client.get_extra_info("sockname"))
        server.sendto(b"answer", address)
        assert await at_client.datagrams.get() == (b"answer", server.get_extra_info("sockname"))

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_transport_is_in_rust(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        assert type(transport) is DatagramTransport

    play(main)


def test_it_is_an_asyncio_transport_that_can_be_patched_and_weakly_referenced(play):
    async def main(endpoint):
        transport, protocol = await endpoint()
        assert isinstance(transport, asyncio.Transport)
        if sys.version_info >= (3, 12):
            assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport.get_extra_info("socket"), asyncio.trsock.TransportSocket)
        assert transport.get_extra_info("peername") is None
        assert transport.get_extra_info("nothing", "default") == "default"
        assert transport.get_protocol() is protocol
        assert weakref.ref(transport)() is transport
        sent = []
        transport.sendto = lambda data, addr=None: sent.append(data)
        transport.sendto(b"kept")
        assert sent == [b"kept"]

    play(main)


def test_its_repr_tells_its_state(play):
    async def main(endpoint):
        transport, protocol = await endpoint()
        assert f"fd={transport.get_extra_info('socket').fileno()} read=polling write=<idle, bufsize=0>" in repr(
            transport
        )
        transport.close()
        assert "closing" in repr(transport)
        await protocol.lost
        await asyncio.sleep(0)
        assert "closed" in repr(transport)

    play(main)


@pytest.mark.parametrize("size", [1, 1000, 5000])
def test_a_burst_is_received_in_order(play, size):
    async def main(endpoint):
        server, at_server = await endpoint()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for burst in range(20):
                sent = [bytes([number]) * size for number in range(burst)]
                for data in sent:
                    sender.sendto(data, server.get_extra_info("sockname"))
                assert [(await at_server.datagrams.get())[0] for _ in sent] == sent

    play(main)


@pytest.mark.parametrize("stops_at", [0, 3, 11])
@pytest.mark.parametrize("way", ["pause", "fail", "exchange", "run"])
def test_a_burst_goes_on_where_it_was_interrupted(play, problems, way, stops_at, loop_kind):
    """Twenty datagrams, at one of which the protocol pauses, fails, gives its place to another, or runs the loop."""
    if way == "run" and loop_kind == "asyncio" and sys.version_info < (3, 12):
        pytest.skip("asyncio would enter the context of its handle twice")

    class Interrupted(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            if data == b"%d" % stops_at:
                interrupt(self)

    def interrupt(protocol):
        if way == "pause":
            protocol.transport.pause_reading()
        elif way == "exchange":
            protocol.transport.set_protocol(successor)
        elif way == "run":
            asyncio.get_running_loop()._run_once()
        else:
            raise LookupError

    async def main(endpoint):
        nonlocal successor
        problems.of_this_loop()
        successor = Recorder()
        transport, protocol = await endpoint(Interrupted, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(20):
                sender.sendto(b"%d" % number, to)
        before = [(await protocol.datagrams.get())[0] for _ in range(stops_at + 1)]
        assert before == [b"%d" % number for number in range(stops_at + 1)]
        if way == "pause":
            for _ in range(5):
                await asyncio.sleep(0)
            assert protocol.datagrams.empty()
            transport.resume_reading()
        later = successor if way == "exchange" else protocol
        after = [(await later.datagrams.get())[0] for _ in range(19 - stops_at)]
        assert after == [b"%d" % number for number in range(stops_at + 1, 20)]
        assert [type(problem["exception"]) for problem in problems] == [LookupError] * (way == "fail")
        transport.sendto(b"more", to)
        assert (await later.datagrams.get())[0] == b"more"

    successor = None
    play(main)


def test_a_socket_with_methods_of_its_own_is_asked(play):
    class Counting(socket.socket):
        sent = 0

        def sendto(self, *arguments):
            self.sent += 1
            return super().sendto(*arguments)

    async def main(endpoint):
        sock = Counting(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, protocol = await endpoint(sock=sock)
        transport.sendto(b"data", sock.getsockname())
        assert (await protocol.datagrams.get())[0] == b"data"
        assert sock.sent == 1

    play(main)


def test_an_exception_of_datagram_received_is_reported_and_nothing_else(play, problems):
    class Failing(Recorder):
        def datagram_received(self, data, addr):
            if data == b"bad":
                raise LookupError(data)
            super().datagram_received(data, addr)

    async def main(endpoint):
        problems.of_this_loop()
        transport, protocol = await endpoint(Failing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for data in (b"1", b"bad", b"2"):
            transport.sendto(data, to)
        assert [(await protocol.datagrams.get())[0] for _ in range(2)] == [b"1", b"2"]
        assert [type(problem["exception"]) for problem in problems] == [LookupError]

    play(main)


def test_nothing_is_given_after_close(play):
    class Closing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.close()

    async def main(endpoint):
        transport, protocol = await endpoint(Closing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for number in range(10):
            transport.sendto(b"%d" % number, to)
        assert await protocol.lost is None
        assert protocol.datagrams.qsize() == 1
        assert protocol.names == ["connection_made", "connection_lost"]

    play(main)


def test_reading_can_be_paused(play):
    class Pausing(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    async def main(endpoint):
        transport, protocol = await endpoint(Pausing, local_addr=("127.0.0.1", 0))
        to = transport.get_extra_info("sockname")
        for number in range(3):
            transport.sendto(b"%d" % number, to)
        for number in range(3):
            assert await protocol.datagrams.get() == (b"%d" % number, to)
            assert protocol.datagrams.empty()
            assert not transport.is_reading()
            transport.resume_reading()
            assert transport.is_reading()

    play(main)


def test_the_protocol_can_be_exchanged(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        other = Recorder()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        assert (await other.datagrams.get())[0] == b"data"

    play(main)


def test_after_the_end_the_transport_lets_go_of_everything(play):
    async def main(endpoint):
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Recorder, local_addr=("127.0.0.1", 0))
        transport.close()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        reference = weakref.ref(protocol)
        del protocol
        gc.collect()
        assert reference() is None
        assert transport.is_closing()

    play(main)


def test_an_unclosed_transport_warns_and_closes_its_socket(play):
    async def main(endpoint):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Recorder, sock=sock)
        transport.pause_reading()
        protocol.transport = None
        del protocol
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            del transport
            gc.collect()
        assert sock.fileno() == -1

    play(main)


def test_the_fd_of_a_transport_is_nobody_elses(play):
    async def main(endpoint):
        transport, _ = await endpoint()
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(transport.get_extra_info("socket").fileno(), print)

    play(main)


def test_callbacks_run_in_the_context_in_which_the_endpoint_was_made(play):

    variable = contextvars.ContextVar("variable", default="default")

    class Looking(Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(variable.get(), addr)

    async def main(endpoint):
        variable.set("inside")
        transport, protocol = await endpoint(Looking, local_addr=("127.0.0.1", 0))
        variable.set("later")
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        assert (await protocol.datagrams.get())[0] == "inside"

    play(main)


def test_a_system_exit_in_datagram_received_stops_the_loop(new_loop):
    class Leaving(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            raise SystemExit(7)

    loop = new_loop()
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(Leaving, local_addr=("127.0.0.1", 0)))
    transport.sendto(b"data", transport.get_extra_info("sockname"))
    with pytest.raises(SystemExit):
        loop.run_forever()
    transport.close()
    loop.run_until_complete(asyncio.sleep(0))


def test_debug_mode_tells_what_a_transport_does(play, caplog):
    caplog.set_level("DEBUG", "asyncio")

    async def main(endpoint):
        transport, protocol = await endpoint()
        transport.pause_reading()
        transport.resume_reading()
        transport.sendto(b"data", transport.get_extra_info("sockname"))
        await protocol.datagrams.get()

    play(main, debug=True)
    text = caplog.text
    assert "pauses reading" in text
    assert "resumes reading" in text


@pytest.mark.loop_kinds("ferraio")
def test_a_transport_wants_a_loop_of_ours():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(TypeError, match=r"ferraio\.EventLoop"),
    ):
        DatagramTransport(object(), sock, object())


@pytest.mark.loop_kinds("ferraio", "installed")  # asyncio of 3.11 does not look
def test_a_number_closed_behind_our_back_and_used_again_belongs_to_its_new_owner(play):
    async def main(endpoint):
        old, at_old = await endpoint()
        number = old.get_extra_info("socket")._sock.detach()
        os.close(number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert sock.fileno() == number
            sock.bind(("127.0.0.1", 0))
            with pytest.raises(RuntimeError, match="is used by transport"):
                await endpoint(sock=sock)
            old.abort()
            await at_old.lost
            new, at_new = await endpoint(sock=sock)
            new.sendto(b"data", sock.getsockname())
            assert (await at_new.datagrams.get())[0] == b"data"
            assert at_old.datagrams.empty()
            new.close()
            await at_new.lost

    play(main)
