"""What programs and asyncio itself find where asyncio's loop has its selector: which fds are watched."""

import asyncio
import selectors
import socket

import pytest

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


def test_the_selector_knows_readers_and_writers(new_loop, pair):
    loop, (one, other) = new_loop(), pair
    loop.add_reader(one, print, "reader")
    loop.add_writer(one, print, "writer")
    loop.add_writer(other, print)
    key = loop._selector.get_key(one.fileno())
    assert (key.fd, key.events) == (one.fileno(), selectors.EVENT_READ | selectors.EVENT_WRITE)
    reader, writer = key.data
    assert (reader._args, writer._args) == (("reader",), ("writer",))
    assert loop._selector.get_map()[other.fileno()].events == selectors.EVENT_WRITE
    loop.remove_writer(other)
    with pytest.raises(KeyError):
        loop._selector.get_key(other.fileno())
    loop.remove_reader(one)
    loop.remove_writer(one)


def test_transports_say_what_they_watch(run, pair):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
            pipe, _ = await loop.connect_read_pipe(asyncio.Protocol, pair[0])
            assert "read=polling" in repr(datagrams)
            assert "polling" in repr(pipe)
            pipe.pause_reading()
            assert "idle" in repr(pipe)
            datagrams.close()
            pipe.close()
            await asyncio.sleep(0)

    run(main)
