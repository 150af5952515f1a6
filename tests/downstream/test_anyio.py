"""anyio on our loop: task groups, cancel scopes, threads, streams, processes, signals."""

import os
import signal
import subprocess
import sys
import threading

import anyio
import pytest
from anyio import from_thread, to_thread
from anyio.streams.tls import TLSListener, TLSStream


@pytest.fixture
def run(loop_factory):
    """Runs a coroutine function with anyio on a loop of the kind under test."""

    async def patiently(main):
        with anyio.fail_after(20):
            return await main()

    def run(main):
        return anyio.run(patiently, main, backend_options={"loop_factory": loop_factory})

    return run


def test_a_task_group_waits_for_all(run):
    async def main():
        done = []

        async def work(number):
            await anyio.lowlevel.checkpoint()
            done.append(number)

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(work, number)
        assert sorted(done) == list(range(100))

    run(main)


def test_a_failure_cancels_the_others_and_all_failures_are_told(run):
    async def main():
        cancelled = []

        async def wait():
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                cancelled.append(True)
                raise

        async def fail(error):
            raise error

        with pytest.raises(ExceptionGroup) as raised:
            async with anyio.create_task_group() as group:
                group.start_soon(wait)
                group.start_soon(fail, KeyError("one"))
                group.start_soon(fail, ValueError("two"))
        assert cancelled == [True]
        assert {type(error) for error in raised.value.exceptions} == {KeyError, ValueError}

    run(main)


def test_start_waits_until_the_task_says_that_it_has_started(run):
    async def main():
        async def serve(*, task_status):
            await anyio.lowlevel.checkpoint()
            task_status.started("ready")
            await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            assert await group.start(serve) == "ready"
            group.cancel_scope.cancel()

    run(main)


def test_move_on_after_ends_a_wait_and_only_that(run):
    async def main():
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(60) as scope:
            await anyio.lowlevel.checkpoint()
        assert not scope.cancelled_caught

    run(main)


def test_the_outer_of_two_scopes_that_are_due_wins(run):
    async def main():
        with anyio.move_on_after(0.01) as outer:
            with anyio.move_on_after(60) as inner:
                await anyio.sleep_forever()
            pytest.fail("the inner scope has swallowed the outer one's cancellation")
        assert outer.cancelled_caught
        assert not inner.cancelled_caught

    run(main)


def test_a_shielded_scope_finishes_what_it_began(run):
    async def main():
        finished = []
        with anyio.CancelScope() as outer:
            outer.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
                finished.append(True)
            await anyio.lowlevel.checkpoint()
            finished.append("not shielded")
        assert finished == [True]

    run(main)


def test_a_task_that_ignores_its_cancellation_gets_it_again(run):
    async def main():
        times = 0
        with anyio.move_on_after(0.01):
            while times < 3:
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    times += 1
            await anyio.lowlevel.checkpoint()
            pytest.fail("the scope has stopped cancelling")
        assert times == 3

    run(main)


def test_fail_after_raises_timeout_error(run):
    async def main():
        with pytest.raises(TimeoutError), anyio.fail_after(0.01):
            await anyio.sleep_forever()

    run(main)


def test_cancelling_a_group_from_outside_reaches_tasks_in_nested_groups(run):
    async def main():
        ended = []

        async def nest(depth):
            try:
                async with anyio.create_task_group() as group:
                    if depth:
                        group.start_soon(nest, depth - 1)
                    else:
                        started.set()
                    await anyio.sleep_forever()
            finally:
                ended.append(depth)

        started = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(nest, 5)
            await started.wait()
            group.cancel_scope.cancel()
        assert ended == [0, 1, 2, 3, 4, 5]

    run(main)


def test_blocking_work_goes_to_threads_and_they_call_back(run):
    async def main():
        loop_thread = threading.get_ident()

        async def double(number):
            assert threading.get_ident() == loop_thread
            await anyio.lowlevel.checkpoint()
            return 2 * number

        def work(number):
            assert threading.get_ident() != loop_thread
            return from_thread.run(double, number) + from_thread.run_sync(int)

        results = {}

        async def collect(number):
            results[number] = await to_thread.run_sync(work, number)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(collect, number)
        assert results == {number: 2 * number for number in range(20)}

    run(main)


def test_a_wait_for_a_thread_can_be_abandoned(run):
    async def main():
        go_on = threading.Event()
        with anyio.move_on_after(0.01) as scope:
            await to_thread.run_sync(go_on.wait, abandon_on_cancel=True)
        go_on.set()
        assert scope.cancelled_caught

    run(main)


def test_a_portal_runs_coroutines_for_another_thread(loop_factory):
    async def double(number):
        await anyio.lowlevel.checkpoint()
        return 2 * number

    with from_thread.start_blocking_portal(backend_options={"loop_factory": loop_factory}) as portal:
        assert portal.call(double, 4) == 8
        futures = [portal.start_task_soon(double, number) for number in range(10)]
        assert [future.result() for future in futures] == [2 * number for number in range(10)]


def test_memory_object_streams_hand_over_in_order(run):
    async def main():
        send, receive = anyio.create_memory_object_stream(3)

        async def produce():
            async with send:
                for number in range(50):
                    await send.send(number)

        async with anyio.create_task_group() as group, receive:
            group.start_soon(produce)
            assert [number async for number in receive] == list(range(50))

    run(main)


def test_locks_conditions_and_limiters_keep_their_promises(run):
    async def main():
        inside, most, lock, limiter = 0, 0, anyio.Lock(), anyio.CapacityLimiter(3)

        async def enter():
            nonlocal inside, most
            async with limiter:
                inside += 1
                most = max(most, inside)
                await anyio.lowlevel.checkpoint()
                inside -= 1
            async with lock:
                assert lock.statistics().locked

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(enter)
        assert most == 3

    run(main)


async def echo(stream):
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


async def talk(connect, listener):
    payload = bytes(range(256)) * 2048
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, echo)
        async with await connect() as stream:
            group.start_soon(stream.send, payload)
            received = b""
            while len(received) < len(payload):
                received += await stream.receive()
            assert received == payload
        group.cancel_scope.cancel()
    await listener.aclose()


def test_tcp_streams(run):
    async def main():
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        await talk(lambda: anyio.connect_tcp("127.0.0.1", port), listener)

    run(main)


def test_tls_streams(run, server_tls, client_tls):
    async def main():
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)

        async def connect():
            plain = await anyio.connect_tcp("127.0.0.1", port)
            return await TLSStream.wrap(plain, hostname="127.0.0.1", ssl_context=client_tls)

        await talk(connect, TLSListener(listener, server_tls))

    run(main)


def test_unix_streams(run, tmp_path):
    async def main():
        path = tmp_path / "socket"
        await talk(lambda: anyio.connect_unix(path), await anyio.create_unix_listener(path))

    run(main)


def test_datagrams(run):
    async def main():
        async with (
            await anyio.create_udp_socket(local_host="127.0.0.1") as server,
            await anyio.create_connected_udp_socket(*server.extra(anyio.abc.SocketAttribute.local_address)) as client,
        ):
            for word in (b"one", b"", b"three"):
                await client.send(word)
                packet, sender = await server.receive()
                assert packet == word
                await server.sendto(packet + b"!", *sender)
                assert await client.receive() == word + b"!"

    run(main)


def test_processes(run):
    shout = "import sys; [print(line.strip().upper(), flush=True) for line in sys.stdin]; sys.exit(3)"

    async def main():
        async with await anyio.open_process([sys.executable, "-c", shout]) as process:
            await process.stdin.send(b"one\n")
            assert (await process.stdout.receive()).strip() == b"ONE"
            await process.stdin.aclose()
            assert await process.wait() == 3
        done = await anyio.run_process([sys.executable, "-c", shout], input=b"two", check=False)
        assert (done.returncode, done.stdout) == (3, b"TWO\n")
        with pytest.raises(subprocess.CalledProcessError):
            await anyio.run_process([sys.executable, "-c", "raise SystemExit(1)"])

    run(main)


def test_signals(run):
    async def main():
        with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
            os.kill(os.getpid(), signal.SIGUSR1)
            async for number in signals:
                assert number == signal.SIGUSR1
                break

    run(main)


def test_files(run, tmp_path):
    async def main():
        path = anyio.Path(tmp_path, "file")
        await path.write_text("one\ntwo\n")
        async with await anyio.open_file(path) as file:
            assert [line async for line in file] == ["one\n", "two\n"]

    run(main)
