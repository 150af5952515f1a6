"""Child processes: starting them, talking to them, and learning of their end."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings

import pytest

PIPE = asyncio.subprocess.PIPE

#: A child that says when it is ready, and then waits for the end of its input.
WAITING = "import sys; print('ready', flush=True); sys.stdin.read()"


async def python(program, *arguments, **options):
    """Start a Python that runs the program."""
    return await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", program, *arguments, **options)


def test_a_program_runs_and_its_exit_code_is_known(play):
    async def main():
        for code in (0, 7):
            process = await asyncio.create_subprocess_exec("sh", "-c", f"exit {code}")
            assert await process.wait() == process.returncode == code
        process = await asyncio.create_subprocess_shell("exit 3")
        assert await process.wait() == 3

    play(main)


def test_input_goes_in_and_output_comes_out(play):
    async def main():
        process = await asyncio.create_subprocess_shell("cat; echo error >&2", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert await process.communicate(b"hello") == (b"hello", b"error\n")
        assert process.returncode == 0

    play(main)


def test_a_megabyte_goes_through(play):
    async def main():
        data = os.urandom(1 << 20)
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        output, errors = await process.communicate(data)
        assert output == data
        assert errors is None

    play(main)


def test_a_conversation(play):
    async def main():
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        for number in range(100):
            process.stdin.write(b"%d\n" % number)
            await process.stdin.drain()
            assert await process.stdout.readline() == b"%d\n" % number
        process.stdin.close()
        assert await process.wait() == 0

    play(main)


@pytest.mark.skipif(sys.platform != "linux", reason="the paths are Linux's")
def test_a_child_may_open_its_own_input_and_output(play):
    """They are pipes: a socket cannot be opened through its path."""

    async def main():
        process = await asyncio.create_subprocess_shell(
            "read -r line < /dev/stdin; echo $line > /proc/self/fd/1; echo $line > /dev/stderr",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert await process.communicate(b"line\n") == (b"line\n", b"line\n")

    play(main)


def test_errors_may_go_where_output_goes(play):
    async def main():
        process = await asyncio.create_subprocess_shell(
            "echo 1; echo 2 >&2", stdout=PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert await process.communicate() == (b"1\n2\n", None)

    play(main)


@pytest.mark.parametrize("how", ["terminate", "kill", "send_signal"])
def test_a_child_can_be_ended_by_a_signal(play, how):
    number = {"terminate": signal.SIGTERM, "kill": signal.SIGKILL, "send_signal": signal.SIGUSR1}[how]

    async def main():
        process = await python(WAITING, stdin=PIPE, stdout=PIPE)
        await process.stdout.readline()
        getattr(process, how)(*([number] if how == "send_signal" else []))
        assert await process.wait() == -number
        process.stdin.close()

    play(main)


def test_signals_for_a_child_that_has_ended_go_nowhere(play):
    async def main():
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        for send in (process.terminate, process.kill, lambda: process.send_signal(signal.SIGUSR1)):
            try:
                send()
            except ProcessLookupError:
                pass
        assert process.returncode == 0

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_end_that_popen_was_told_of_is_known_to_the_loop(play, caplog):
    """Popen looks for the end before it sends a signal, and so may learn of it first."""

    async def main():
        process = await asyncio.create_subprocess_shell("read -r line; exit 5", stdin=PIPE)
        process.stdin.write(b"\n")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process._transport._proc.poll() == 5
        process.stdin.close()
        assert await process.wait() == 5

    play(main)
    assert not caplog.records


def test_an_end_that_somebody_else_was_told_of_is_255(play, caplog, loop_kind):
    if loop_kind == "asyncio" and sys.version_info < (3, 12):
        pytest.skip("a thread of asyncio's may be told first")

    async def main():
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE)
        os.kill(process.pid, signal.SIGTERM)
        os.waitpid(process.pid, 0)
        process.stdin.close()
        assert await process.wait() == 255

    play(main)
    assert "will report returncode 255" in caplog.text


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system has no pidfds")
@pytest.mark.loop_kinds("ferraio", "installed")
def test_a_child_needs_no_thread(play):
    async def main():
        before = threading.active_count()
        processes = [await asyncio.create_subprocess_exec("cat", stdin=PIPE) for _ in range(3)]
        assert threading.active_count() == before
        for process in processes:
            process.stdin.close()
            assert await process.wait() == 0

    play(main)


def test_many_children_at_once(play):
    async def one(number):
        process = await asyncio.create_subprocess_shell(f"echo {number}; exit {number}", stdout=PIPE)
        output, _ = await process.communicate()
        return int(output), process.returncode

    async def main():
        assert await asyncio.gather(*map(one, range(20))) == [(number, number) for number in range(20)]

    play(main)


def test_writing_to_a_child_that_has_ended_is_an_error(play):
    async def main():
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        await process.wait()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(100):
                process.stdin.write(b"x" * 65536)
                await process.stdin.drain()

    play(main)


def test_communicate_does_not_mind_that_the_child_reads_nothing(play):
    async def main():
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"x" * (1 << 20)) == (b"", None)

    play(main)


def test_reading_can_be_cancelled_and_the_child_goes_on(play):
    async def main():
        process = await python(WAITING, stdin=PIPE, stdout=PIPE)
        await process.stdout.readline()
        reading = asyncio.ensure_future(process.stdout.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert process.returncode is None
        assert await process.communicate(b"") == (b"", None)
        assert process.returncode == 0

    play(main)


def test_waiting_can_be_cancelled(play):
    async def main():
        process = await python(WAITING, stdin=PIPE, stdout=PIPE)
        waiting = asyncio.ensure_future(process.wait())
        await process.stdout.readline()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        process.stdin.close()

    play(main)


def test_starting_can_be_cancelled_and_leaves_no_child(play):
    async def main():
        starting = asyncio.ensure_future(python(WAITING, stdin=PIPE, stdout=PIPE))
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        for _ in range(3):
            await asyncio.sleep(0)

    play(main)


def test_a_program_that_is_not_there_is_an_error_at_once(play):
    async def main():
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/nowhere/nothing", stdin=PIPE, stdout=PIPE, stderr=PIPE)

    play(main)


@pytest.mark.parametrize("options", [{"start_new_session": True}, {"process_group": 0}], ids=["session", "group"])
def test_a_child_may_have_a_process_group_of_its_own(play, options):
    async def main():
        process = await python(WAITING, stdin=PIPE, stdout=PIPE, **options)
        await process.stdout.readline()
        assert os.getpgid(process.pid) == process.pid
        os.killpg(process.pid, signal.SIGTERM)
        assert await process.wait() == -signal.SIGTERM
        process.stdin.close()

    play(main)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_threads_go_on_while_preexec_fn_runs(play):
    """The function waits in the child for what another thread of this process sends."""
    near, far = os.pipe()
    asked, ask = os.pipe()

    def answer():
        os.read(asked, 1)
        os.write(far, b"x")

    def preexec():
        os.write(ask, b"?")
        os.read(near, 1)

    async def main():
        thread = threading.Thread(target=answer)
        thread.start()
        process = await asyncio.create_subprocess_exec("true", preexec_fn=preexec)
        assert await process.wait() == 0
        thread.join()

    try:
        play(main)
    finally:
        for fd in (near, far, asked, ask):
            os.close(fd)


def test_sigchld_may_have_a_handler_of_its_own(play):
    async def main():
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        loop.add_signal_handler(signal.SIGCHLD, told.set)
        try:
            process = await asyncio.create_subprocess_exec("true")
            await told.wait()
            assert await process.wait() == 0
        finally:
            loop.remove_signal_handler(signal.SIGCHLD)

    play(main)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the fds of a process in /proc")
def test_the_fds_of_the_loop_stay_out_of_the_child(play):
    async def main():
        process = await asyncio.create_subprocess_exec("ls", "/proc/self/fd", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        output, _ = await process.communicate()
        assert len(output.split()) == 4  # the three, and the directory

    play(main)


def test_a_protocol_is_told_in_asyncios_order(play):
    calls = []

    class Recorder(asyncio.SubprocessProtocol):
        def __init__(self):
            self.done = asyncio.Event()

        def connection_made(self, transport):
            calls.append("connection_made")

        def pipe_data_received(self, fd, data):
            calls.append(("pipe_data_received", fd, data))

        def pipe_connection_lost(self, fd, exc):
            calls.append(("pipe_connection_lost", fd, exc))

        def process_exited(self):
            calls.append("process_exited")

        def connection_lost(self, exc):
            calls.append("connection_lost")
            self.done.set()

    async def main():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Recorder, "echo", "hello", stdin=None, stderr=None)
        await protocol.done.wait()
        assert transport.get_returncode() == 0
        assert transport.get_extra_info("subprocess").returncode == 0
        transport.close()

    play(main)
    calls.remove("process_exited")  # which may come at any time in between
    assert calls == [
        "connection_made",
        ("pipe_data_received", 1, b"hello\n"),
        ("pipe_connection_lost", 1, None),
        "connection_lost",
    ]


def test_a_loop_closed_before_the_end_of_a_child_leaves_no_fd(new_loop):
    before = len(os.listdir("/proc/self/fd"))
    loop = new_loop()

    async def start():
        return await loop.subprocess_exec(asyncio.SubprocessProtocol, "cat", stdout=None, stderr=None)

    transport, _ = loop.run_until_complete(start())
    process = transport.get_extra_info("subprocess")
    loop.run_until_complete(asyncio.sleep(0))
    transport.get_pipe_transport(0).abort()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    process.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del transport
        gc.collect()
    if type(loop).__module__.startswith("ferraio"):
        assert len(os.listdir("/proc/self/fd")) == before


def test_children_of_subprocess_itself_are_left_alone(play):
    async def main():
        other = subprocess.Popen(["true"])
        process = await asyncio.create_subprocess_exec("true")
        assert await process.wait() == 0
        assert other.wait() == 0

    play(main)
