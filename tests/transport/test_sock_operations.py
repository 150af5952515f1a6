"""The loop's sock_recv, sock_recv_into, sock_sendall and sock_accept."""

import asyncio
import gc
import inspect
import socket
import ssl
import warnings

import pytest
from tcp_sockets import reset, tcp_pair


@pytest.fixture
def pair():
    """Two connected sockets in non-blocking mode."""
    sockets = socket.socketpair()
    for sock in sockets:
        sock.setblocking(False)
    yield sockets
    for sock in sockets:
        sock.close()


def fill(sock):
    """Send until the kernel takes no more; return how many bytes it took."""
    sent = 0
    try:
        while True:
            sent += sock.send(b"x" * 65536)
    except BlockingIOError:
        return sent


def test_what_is_there_is_received_at_once(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        b.send(b"hello")
        assert await loop.sock_recv(a, 3) == b"hel"
        buffer = bytearray(10)
        assert await loop.sock_recv_into(a, buffer) == 2
        assert buffer[:2] == b"lo"

    run(main)


def test_what_is_not_there_is_waited_for(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        buffer = bytearray(10)
        receiving = asyncio.ensure_future(loop.sock_recv(a, 100))
        await asyncio.sleep(0)
        assert not receiving.done()
        b.send(b"one")
        assert await receiving == b"one"
        receiving = asyncio.ensure_future(loop.sock_recv_into(a, buffer))
        await asyncio.sleep(0)
        b.send(b"two")
        assert await receiving == 3
        assert buffer[:3] == b"two"
        b.close()
        assert await loop.sock_recv(a, 100) == b""

    run(main)


def test_a_long_conversation(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()

        async def echo():
            while data := await loop.sock_recv(b, 100):
                await loop.sock_sendall(b, data)

        task = asyncio.create_task(echo())
        for number in range(200):
            text = b"%d" % number
            await loop.sock_sendall(a, text)
            assert await loop.sock_recv(a, 100) == text
        a.shutdown(socket.SHUT_WR)
        await task

    run(main)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
def test_more_than_the_kernel_takes_is_sent(run, pair, make):
    a, b = pair
    data = bytes(range(256)) * 16384

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.ensure_future(loop.sock_sendall(a, make(data)))
        received = bytearray()
        while len(received) < len(data):
            received += await loop.sock_recv(b, 1 << 20)
        assert await sending is None
        assert received == data

    run(main)


def test_both_directions_at_once(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        receiving = asyncio.ensure_future(loop.sock_recv(a, 10))
        await asyncio.sleep(0)
        size = fill(a)
        sending = asyncio.ensure_future(loop.sock_sendall(a, b"end"))
        await asyncio.sleep(0)
        assert not sending.done()
        b.send(b"in")
        assert await receiving == b"in"
        received = bytearray()
        while len(received) < size + 3:
            received += await loop.sock_recv(b, 1 << 20)
        await sending
        assert received.endswith(b"xend")

    run(main)


def test_a_cancelled_operation_takes_nothing(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        receiving = asyncio.ensure_future(loop.sock_recv(a, 100))
        await asyncio.sleep(0)
        receiving.cancel()
        b.send(b"kept")
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert await loop.sock_recv(a, 100) == b"kept"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(a, 100), 0.001)
        assert not loop.remove_reader(a)

    run(main)


def test_a_number_that_is_used_again_is_waited_for_again(run):
    async def main():
        loop = asyncio.get_running_loop()
        numbers = set()
        for _ in range(20):
            a, b = socket.socketpair()
            a.setblocking(False)
            numbers.add(a.fileno())
            receiving = asyncio.ensure_future(loop.sock_recv(a, 100))
            await asyncio.sleep(0)
            b.send(b"x")
            assert await receiving == b"x"
            a.close()
            b.close()
        assert len(numbers) < 20

    run(main)


@pytest.mark.loop_kinds("ferraio", "installed")  # asyncio never hears of the new socket
def test_a_socket_closed_in_the_middle_does_not_mute_its_successor(run):
    async def main():
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        a.setblocking(False)
        number = a.fileno()
        forgotten = asyncio.ensure_future(loop.sock_recv(a, 100))
        await asyncio.sleep(0)
        a.close()
        c, d = socket.socketpair()
        assert c.fileno() == number
        c.setblocking(False)
        receiving = asyncio.ensure_future(loop.sock_recv(c, 100))
        await asyncio.sleep(0)
        d.send(b"x")
        assert await receiving == b"x"
        forgotten.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forgotten
        for sock in b, c, d:
            sock.close()

    run(main)


def test_connections_are_accepted(run):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            accepting = asyncio.ensure_future(loop.sock_accept(server))
            await asyncio.sleep(0)
            client = socket.socket()
            client.setblocking(False)
            await loop.sock_connect(client, server.getsockname())
            connection, address = await accepting
            assert address == client.getsockname()
            assert connection.gettimeout() == 0
            second = socket.create_connection(server.getsockname())
            at_once, address = await loop.sock_accept(server)
            assert address == second.getsockname()
            for sock in client, connection, second, at_once:
                sock.close()

    run(main)


def test_errors_of_the_system_are_raised(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        accepted, client = tcp_pair()
        accepted.setblocking(False)
        receiving = asyncio.ensure_future(loop.sock_recv(accepted, 10))
        await asyncio.sleep(0)
        reset(client)
        with pytest.raises(ConnectionResetError):
            await receiving
        accepted.close()
        b.close()
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(a, b"x")
        a.close()
        with pytest.raises(OSError) as error:
            await loop.sock_recv(a, 10)
        assert error.value.errno == 9

    run(main)


@pytest.mark.parametrize(
    ("operation", "argument", "error"),
    [
        ("sock_recv", -1, ValueError),
        ("sock_recv", "many", TypeError),
        ("sock_recv", None, TypeError),
        ("sock_recv_into", b"read-only", TypeError),
        ("sock_recv_into", "text", TypeError),
        ("sock_sendall", "text", TypeError),
        ("sock_sendall", None, TypeError),
        ("sock_sendall", 3, TypeError),
    ],
)
def test_wrong_arguments_are_refused(run, pair, operation, argument, error):
    async def main():
        with pytest.raises(error):
            await getattr(asyncio.get_running_loop(), operation)(pair[0], argument)

    run(main)


def test_nothing_is_received_into_no_memory(run, pair):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(pair[0], 0) == b""
        assert await loop.sock_recv_into(pair[0], bytearray()) == 0
        assert await loop.sock_sendall(pair[0], b"") is None

    run(main)


def test_wrong_sockets_are_refused(run, pair):
    async def main():
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        wrapped = context.wrap_socket(socket.socket(), server_hostname="x", do_handshake_on_connect=False)
        with wrapped, pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
            await loop.sock_recv(wrapped, 10)
        pair[0].setblocking(True)
        with pytest.raises(ValueError, match="the socket must be non-blocking"):
            await loop.sock_sendall(pair[0], b"x")
        with pytest.raises(ValueError, match="the socket must be non-blocking"):
            await loop.sock_recv(pair[0], 1)

    run(main, debug=True)


def test_arguments_may_be_named(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock=a, data=b"abc")
        assert await loop.sock_recv(b, n=2) == b"ab"
        assert await loop.sock_recv_into(sock=b, buf=bytearray(1)) == 1
        with pytest.raises(TypeError):
            loop.sock_recv(b)
        with pytest.raises(TypeError):
            loop.sock_recv(b, 1, 2)

    run(main)


def test_it_is_a_coroutine_that_can_be_made_a_task(run, pair):
    a, b = pair

    async def main():
        loop = asyncio.get_running_loop()
        waiting = loop.sock_recv(a, 10)
        assert asyncio.iscoroutine(waiting)
        assert inspect.isawaitable(waiting)
        task = loop.create_task(waiting)
        b.send(b"x")
        assert await task == b"x"
        with pytest.raises(RuntimeError):
            await waiting

    run(main)


def test_the_methods_are_known_as_coroutine_functions(new_loop):
    loop = new_loop()
    for name in "sock_recv", "sock_recv_into", "sock_sendall", "sock_accept":
        assert inspect.iscoroutinefunction(getattr(loop, name))
    assert str(inspect.signature(loop.sock_recv)) == "(sock, n)"


def test_who_does_not_await_it_is_warned(run, pair):
    async def main():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.get_running_loop().sock_recv(pair[0], 10)
            gc.collect()
        assert any("was never awaited" in str(warning.message) for warning in caught)

    run(main)


def test_a_closed_operation_waits_no_more(run, pair):
    async def main():
        loop = asyncio.get_running_loop()
        waiting = loop.sock_recv(pair[0], 10)
        waiting.send(None)
        waiting.close()
        assert await asyncio.wait_for(loop.sock_sendall(pair[0], b"x"), None) is None
        unstarted = loop.sock_recv(pair[0], 10)
        unstarted.close()

    run(main)


def test_other_kinds_of_sockets_go_asyncios_way(run):
    class Counting(socket.socket):
        received = 0

        def recv(self, size):
            type(self).received += 1
            return super().recv(size)

    async def main():
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        with Counting(fileno=a.detach()) as ours, b:
            ours.setblocking(False)
            receiving = asyncio.ensure_future(loop.sock_recv(ours, 10))
            await asyncio.sleep(0)
            b.send(b"x")
            assert await receiving == b"x"
            assert Counting.received == 2

    run(main)
